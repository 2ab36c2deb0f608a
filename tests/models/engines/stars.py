"""A classifier of stars that was not trained, in a folder: it takes no time to make."""

import numpy as np

from survey_batch.models.manifest import Manifest
from survey_batch.models.psf_star import PsfStarCNN, PublishedPsfStar
from survey_batch.models.recipe import Recipe
from tests.models.engines.networks import make

ARRAYS = {"mean": np.array(1.0), "deviation": np.array(2.0), "share": np.array([0.9, 0.1])}


def stars(name, temperature=1.7):
    """A classifier of variant `cnn` or `published`, and a block of which one row cannot be classified."""
    family, network, arrays = {
        "cnn": (PsfStarCNN, "psf-star", {}),
        "published": (PublishedPsfStar, "published-psf-star", ARRAYS),
    }[name]
    recipe = Recipe(product="cutouts", variables=("flux",), shape=(1, 17, 17), steps={"band": 0})
    manifest = Manifest(
        kind="psf-star", variant=name, classes=("other", "good"), recipe=recipe, temperature=temperature
    )
    flux = np.random.default_rng(7).normal(size=(6, 1, 17, 17)).astype(np.float32)
    flux[2] = np.nan
    return family(manifest, arrays, make(network)[0]), {"flux": flux}
