"""LAMOST's medium-resolution files for the stage `spectra`: one object each."""

from survey_batch.surveys.lamost.reader import LamostSpectra
from survey_batch.surveys.lamost_medium.files import read_spectrum


class LamostMediumSpectra(LamostSpectra):
    """Reader of the coadded spectra of both arms, in the layouts of low resolution."""

    mode = "med"
    read_file = staticmethod(read_spectrum)
    ceiling = 64_000_000
    """A file has all exposures of a night besides: some 150 kB for each."""
    file_bytes = 500_000
    """From the layout, of three exposures; not measured."""
    read_seconds = 3.5e-3
    """Time to read, rebin and store a simulated spectrum on a core of a 2-core cloud machine."""
