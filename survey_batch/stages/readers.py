"""The readers of a job's survey."""

from survey_batch.config.job import Job
from survey_batch.config.stage_kind import resolve
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.reader import ImageReader
from survey_batch.spectra.reader import SpectrumReader


def image_reader(job: Job) -> ImageReader:
    """Open the reader of a survey's frames."""
    if job.survey.image_reader is None:
        raise ConfigurationError(f"survey {job.survey.name!r} has no frames: its image_reader is not set")
    reader: ImageReader = resolve(job.survey.image_reader)(job.archive)
    return reader


def spectrum_reader(job: Job) -> SpectrumReader:
    """Open the reader of a survey's spectra."""
    if job.survey.spectrum_reader is None:
        raise ConfigurationError(f"survey {job.survey.name!r} has no spectra: its spectrum_reader is not set")
    reader: SpectrumReader = resolve(job.survey.spectrum_reader)(job.archive)
    return reader
