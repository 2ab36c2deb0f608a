"""Archives of a simulated sky, with the real files' structure, for trying out and testing the package.

Nothing is downloaded, and the same arguments give the same bytes. A classifier trained only on objects drawn from
formulas is not for real ones; `examples` makes spectra from real templates, which carry over better.
"""

from survey_batch.simulate.desi import simulate_desi
from survey_batch.simulate.fits_spectra import simulate_fits_spectra
from survey_batch.simulate.lamost import simulate_lamost
from survey_batch.simulate.lamost_medium import simulate_lamost_medium
from survey_batch.simulate.sdss import simulate_sdss
from survey_batch.simulate.sdss_spectra import simulate_sdss_spectra

__all__ = [
    "simulate_desi",
    "simulate_fits_spectra",
    "simulate_lamost",
    "simulate_lamost_medium",
    "simulate_sdss",
    "simulate_sdss_spectra",
]
