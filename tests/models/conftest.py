"""Small synthetic spectra whose class is the depth of a line, and a classifier trained on them."""

import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

PIXELS = 640
FIRST = 36000


def make_block(labels: np.ndarray, seed: int, noise: float = 0.05, tilt: float = 0.4) -> dict[str, np.ndarray]:
    """Sloped continua with two lines; a class each is deep in the first, the second, both or none."""
    random = np.random.default_rng(seed)
    pixel = np.arange(PIXELS)
    line = [np.exp(-0.5 * ((pixel - centre) / 12) ** 2) for centre in (200, 420)]
    depth = {"A": (0.7, 0.0), "F": (0.4, 0.2), "G": (0.1, 0.6), "M": (0.6, 0.6)}
    shape = np.array([1 - depth[label][0] * line[0] - depth[label][1] * line[1] for label in labels])
    slope = 1 + tilt * random.uniform(-1, 1, (len(labels), 1)) * (pixel / PIXELS - 0.5)
    scale = 10 ** random.uniform(1, 4, (len(labels), 1))
    flux = scale * slope * (shape + noise * random.normal(size=shape.shape))
    ivar = np.broadcast_to(1 / (noise * scale) ** 2, flux.shape)
    return {
        "flux": flux.astype(np.float32),
        "ivar": ivar.astype(np.float32),
        "mask": np.zeros(flux.shape, np.int32),
    }


def absorb(block, row, lines, depth=0.6):
    """Draw unresolved absorption lines (`spectra.line_list`) into one spectrum."""
    pixel = np.arange(PIXELS)
    for line in lines:
        centre = np.log10(line.wavelength) * 1e4 - FIRST
        block["flux"][row] *= 1 - depth * np.exp(-0.5 * ((pixel - centre) / 1.3) ** 2).astype(np.float32)


@pytest.fixture(scope="session")
def labels() -> np.ndarray:
    return np.tile(np.array(["A", "F", "G", "M"]), 16)


@pytest.fixture(scope="session")
def wavelength() -> np.ndarray:
    return 10 ** (1e-4 * (FIRST + np.arange(PIXELS)))


def labelled(block, labels, **coordinates):
    """Rows in memory, each of its own star."""
    from survey_batch.models.labelled import Labelled

    blank = np.full(len(labels), "")
    return Labelled(block, labels, blank, blank, np.arange(len(labels)), coordinates)


@pytest.fixture(scope="session")
def trained(labels, wavelength):
    from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
    from survey_batch.models.spectral_type import SpectralTypeClassifier

    section = SpectralTypeTraining(classifier="-", epochs=40, members=2, seed=3)
    return SpectralTypeClassifier.fit(labelled(make_block(labels, 1), labels, wavelength=wavelength), section)


@pytest.fixture(scope="session")
def saved(trained, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    trained.save(folder)
    return folder
