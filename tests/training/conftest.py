"""A fixture that these tests share with those of the models."""

from tests.models.conftest import wavelength

__all__ = ["wavelength"]
