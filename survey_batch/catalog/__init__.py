"""Object lists: read, name columns, clean, label, select, remove duplicates, sample and split."""

from survey_batch.catalog.labels import MK_CLASSES, SPECTRAL_TYPES, luminosity, mk_class, spectral_type
from survey_batch.catalog.read import Catalog, read_catalog
from survey_batch.catalog.split import assign_splits
from survey_batch.catalog.stars import group_by_star

__all__ = [
    "MK_CLASSES",
    "SPECTRAL_TYPES",
    "Catalog",
    "assign_splits",
    "group_by_star",
    "luminosity",
    "mk_class",
    "read_catalog",
    "spectral_type",
]
