"""Blocks of simulated spectra to train on."""

import numpy as np
import pytest

from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.synthetic.examples import simulate_examples

GRID = log_grid(3699.9, 9100.0)


@pytest.fixture(scope="module")
def examples():
    return simulate_examples({"GALAXY": 12, "QSO": 12, "STAR": 12}, GRID, seed=4, snr=(3.0, 50.0))


@pytest.mark.slow
def test_a_block_is_like_the_products(examples):
    block, label = examples
    assert {name: values.dtype.str[1:] for name, values in block.items()} == {
        "flux": "f4", "ivar": "f4", "mask": "i4", "redshift": "f4", "snr": "f4",
    }  # fmt: skip
    assert block["flux"].shape == (36, GRID.size)
    assert list(np.unique(label, return_counts=True)[1]) == [12, 12, 12]
    assert ((block["ivar"] > 0) | (block["mask"] != 0)).all()


@pytest.mark.slow
def test_a_spectrum_does_not_depend_on_how_many_others_there_are(examples):
    block, _ = examples
    fewer, _ = simulate_examples({"QSO": 3}, GRID, seed=4, snr=(3.0, 50.0))
    for name, values in fewer.items():
        np.testing.assert_array_equal(values, block[name][12:15])


@pytest.mark.slow
def test_another_seed_gives_other_spectra(examples):
    other, _ = simulate_examples({"GALAXY": 2}, GRID, seed=5, snr=(3.0, 50.0))
    assert not np.array_equal(other["flux"], examples[0]["flux"][:2])


@pytest.mark.slow
def test_redshifts_are_those_of_the_class(examples):
    block, label = examples
    assert np.abs(block["redshift"][label == "STAR"]).max() < 2e-3
    assert block["redshift"][label == "GALAXY"].max() <= 0.6
    assert block["redshift"][label == "QSO"].max() > 1


@pytest.mark.slow
def test_signal_to_noise_lies_in_the_range_and_tells_no_class():
    block, label = simulate_examples({"GALAXY": 60, "QSO": 60, "STAR": 60}, GRID, seed=9, snr=(3.0, 50.0))
    assert block["snr"].min() > 1.5
    assert block["snr"].max() < 80
    middle = [np.median(np.log(block["snr"][label == name])) for name in ("GALAXY", "QSO", "STAR")]
    assert np.ptp(middle) < 0.7
