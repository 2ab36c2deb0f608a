"""Small optics, spectra and exposures of stamps for tests."""

import numpy as np

from survey_batch.config.job import Job
from survey_batch.optics.diffraction import Optics
from survey_batch.optics.seds import CLASSES
from survey_batch.simulate.exposures import simulate_stamps

SMALL = Optics(pupil_pixels=64, bins=4, order=3)
"""A coarse pupil: the same physics, at a sixteenth of the cost."""

WAVELENGTHS = np.arange(550.5, 900.0)


def made_up_seds():
    """Thirteen spectra that redden from class to class, farther apart than real ones."""
    slope = np.linspace(-3, 3, len(CLASSES))[:, None]
    seds = np.exp(slope * (WAVELENGTHS - 725) / 350)
    return seds / seds.sum(axis=1, keepdims=True)


def write_seds(folder):
    """Write them where `read_seds` looks."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "vis_seds_13.npy", made_up_seds())
    np.save(folder / "vis_wavelengths_nm.npy", WAVELENGTHS)
    return folder / "vis_seds_13.npy"


def small_archive(folder, **options):
    """Exposures of the small optics."""
    options = {"objects": 60, "optics": SMALL, "snr": (200.0, 400.0), **options}
    return simulate_stamps(folder / "archive", seds=write_seds(folder / "seds"), **options)


def stamps_job(path, root, output, **tables):
    """A small job on stamps."""
    return Job.model_validate(
        {
            "name": "test",
            "output": str(output),
            "stages": ["stamps"],
            "catalog": {"path": str(path)},
            "archive": {"survey": "stamps", "root": str(root)},
            "shards": {"objects": 32},
            **tables,
        }
    )
