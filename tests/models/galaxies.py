"""Simulated spectra with their labels, as a job's product would give them."""

import numpy as np

from survey_batch.models.labelled import Labelled
from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.synthetic.examples import simulate_examples

GRID = log_grid(3699.9, 9100.0)


def simulated(each: int, seed: int, snr: tuple[float, float] = (20.0, 60.0), split: str = "train") -> Labelled:
    """Labelled spectra, `each` of each class."""
    block, label = simulate_examples({"GALAXY": each, "QSO": each, "STAR": each}, GRID, seed=seed, snr=snr)
    rows = len(label)
    return Labelled(
        block,
        label=label.astype(str),
        split=np.full(rows, split),
        object_id=np.array([f"{split}-{seed}-{row}" for row in range(rows)]),
        star=np.arange(rows),
        coordinates={"wavelength": GRID},
    )
