"""Object lists: read, name columns, clean, tell duplicates apart, label and split."""

from survey_batch.catalog.labels import SPECTRAL_TYPES, spectral_type
from survey_batch.catalog.read import Catalog, read_catalog
from survey_batch.catalog.split import assign_splits, group_by_star

__all__ = ["SPECTRAL_TYPES", "Catalog", "assign_splits", "group_by_star", "read_catalog", "spectral_type"]
