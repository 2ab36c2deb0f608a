"""What families that read flux and error in bins have in common."""

import numpy as np

from survey_batch.models.binned_spectra import BinnedSpectra
from survey_batch.models.recipe import Grid, Recipe
from survey_batch.models.spectrum_inputs import flux_channels


def test_the_input_is_flux_and_its_reliability_in_the_bins_of_the_recipe():
    steps = {"bin_pixels": 4, "least_good_share": 0.5}
    family = BinnedSpectra()
    family.recipe = Recipe(
        product="spectra", variables=BinnedSpectra.variables, shape=(40,), grid=Grid(first=36000, count=40), steps=steps
    )
    random = np.random.default_rng(1)
    flux = random.normal(10, 1, (3, 40)).astype("f4")
    ivar, mask = np.ones((3, 40), "f4"), np.zeros((3, 40), "i4")
    ivar[2, :30] = 0
    block = {"flux": flux, "ivar": ivar, "mask": mask}
    assert np.array_equal(family.prepare(block), flux_channels(flux, ivar, mask, 4))
    assert BinnedSpectra.valid_rows(block, family.recipe).tolist() == [True, True, False]
