"""The surveys that come with the package, one folder each, and what a package needs that adds another.

A survey is a `Survey`, offered as an entry point of the group `survey_batch.surveys`. It makes its products with our
stages (`SPECTRA` and others) and reads its files with a `SpectrumReader` or an `ImageReader`.
"""

from survey_batch.config.key_columns import CatalogRows, KeyColumn, NamedRows
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.stage_kind import StageKind
from survey_batch.config.survey import Survey
from survey_batch.core.errors import InvalidError, NotFoundError, ObjectError, UnreadableError
from survey_batch.images.frame import Frame, FrameGrid, FrameWcs, Sky
from survey_batch.images.ivar import Ccd
from survey_batch.images.reader import Field, ImageReader
from survey_batch.spectra.grid import Spectrum
from survey_batch.spectra.reader import Row, SpectrumReader
from survey_batch.stages.kinds import COMPOSITES, CUTOUTS, FRAMES, IMAGE_FEATURES, SPECTRA, SPECTRAL_FEATURES

__all__ = [
    "COMPOSITES",
    "CUTOUTS",
    "FRAMES",
    "IMAGE_FEATURES",
    "SPECTRA",
    "SPECTRAL_FEATURES",
    "ArchiveSection",
    "CatalogRows",
    "Ccd",
    "Field",
    "Frame",
    "FrameGrid",
    "FrameWcs",
    "ImageReader",
    "InvalidError",
    "KeyColumn",
    "NamedRows",
    "NotFoundError",
    "ObjectError",
    "Row",
    "Sky",
    "Spectrum",
    "SpectrumReader",
    "StageKind",
    "Survey",
    "UnreadableError",
]

EXAMPLE = "sdss"
"""The survey of the job file that `survey-batch init` writes if no other is named."""
