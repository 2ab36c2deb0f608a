"""Archives of a simulated sky, in the real files' structure: to try the package on, and to test it.

Nothing is downloaded, and the same arguments give the same bytes. What is learnt from objects drawn by formulas alone
is not for real ones; `examples` makes spectra of real templates, which carry over better.
"""

from survey_batch.simulate.lamost import simulate_lamost
from survey_batch.simulate.sdss import simulate_sdss

__all__ = ["simulate_lamost", "simulate_sdss"]
