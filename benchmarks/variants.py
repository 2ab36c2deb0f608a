"""CPU-seconds that each kind and variant of classifier takes for one object: what `plan` reckons with.

    python -m benchmarks.variants [--only spectral-type/forest …] [--objects 512] [--turns 3]

Each is fitted for one epoch to a few hundred simulated objects, with all other settings at their defaults: the time of
a network does not depend on its weights, but that of a forest grows with the logarithm of its training rows. Measured
is `predict_proba` on a product in memory, 256 objects at a time, after one turn that compiles, in a worker's
environment and in a process of its own that loads the model, as a worker does: TensorFlow is slower where a network has
been trained. What the phase takes besides, for reading, writing and Dask, is `BESIDE`, as `benchmarks.predict` has it.
`svm-psf` is given optics of the published size. Adopted models are not here: their time depends on the model. Nor are
`likelihood`, which needs spectra of the classes, and `vit`, which starts from a checkpoint.
"""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.timing import as_a_worker, machine
from survey_batch.config.classifiers import classifier_kind
from survey_batch.core.arrays import Variables
from survey_batch.models.labelled import Labelled
from survey_batch.models.loading import family_of, load_classifier
from survey_batch.optics.exposure import exposure_key
from survey_batch.optics.psf_field import random_psf_field
from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.synthetic.examples import simulate_examples
from survey_batch.spectra.synthetic.star_library import drawn_stars

BESIDE, BESIDE_CUTOUTS = 1.0e-4, 3.7e-4
"""CPU-seconds of an object in the phase beside `predict_proba`: of spectra, and of cutouts of 64 pixels in 5 bands."""
BATCH, LEARNT = 256, 300
LETTERS = tuple("OBAFGKM")
KINDS = ("GALAXY", "QSO", "STAR")
EXPOSURE = "exposure-0001"
FEATURES, CUTOUT, STAMP = 98, (5, 64, 64), (32, 32)
"""Of a default job of `sdss`: features and cutouts; of `stamps`: pixels."""


@dataclass(frozen=True)
class Case:
    """A variant: its objects, the keys of [train] that it cannot do without, and classes where it has none fixed."""

    rows: Callable[[int], tuple[Variables, dict[str, Any]]]
    keys: tuple[tuple[str, Any], ...] = ()
    classes: tuple[str, ...] = LETTERS
    optics: bool = False
    """Whether it needs a model of the point-spread function."""


@cache
def spectra(count: int) -> tuple[Variables, dict[str, Any]]:
    """Simulated galaxies, quasars and stars in turn, on the default grid of `lamost`."""
    grid = log_grid(3699.9, 9100.0)
    each = dict.fromkeys(KINDS, -(-count // len(KINDS)))
    block, _ = simulate_examples(each, grid, seed=1, stars=drawn_stars())
    order = np.arange(len(block["flux"])).reshape(len(KINDS), -1).T.ravel()[:count]
    return {name: values[order] for name, values in block.items()}, {"wavelength": grid}


@cache
def features(count: int) -> tuple[Variables, dict[str, Any]]:
    """Random numbers with a few missing values."""
    random = np.random.default_rng(1)
    value = random.normal(size=(count, FEATURES)).astype(np.float32)
    value[random.random(value.shape) < 0.02] = np.nan
    return {"value": value}, {"feature": np.array([f"feature_{number}" for number in range(FEATURES)])}


@cache
def cutouts(count: int) -> tuple[Variables, dict[str, Any]]:
    """Noise in five bands, with a star in the middle."""
    return {"flux": _stars(count, CUTOUT)}, {"band": np.array(list("ugriz"))}


@cache
def stamps(count: int) -> tuple[Variables, dict[str, Any]]:
    """Noise, with a star in the middle."""
    flux = _stars(count, STAMP)
    place = np.random.default_rng(1).uniform(-1, 1, (2, count)).astype(np.float32)
    field = {"x_field": place[0], "y_field": place[1], "exposure_key": np.full(count, exposure_key(EXPOSURE))}
    return {"flux": flux / flux.sum(axis=(1, 2), keepdims=True), **field}, {}


def _stars(count: int, shape: tuple[int, ...]) -> Any:
    y, x = np.indices(shape[-2:]) - (shape[-1] - 1) / 2
    noise = np.random.default_rng(1).normal(0, 0.05, (count, *shape))
    return (noise + 5 * np.exp(-(x**2 + y**2) / 4)).astype(np.float32)


CASES = {
    "spectral-type/forest": Case(spectra),
    "spectral-type/lines": Case(spectra),
    "spectral-type/convolution": Case(spectra),
    "spectral-type/published": Case(spectra),
    "galaxy-quasar-star/convolution": Case(spectra),
    "galaxy-quasar-star/published-cnn": Case(spectra),
    "galaxy-quasar-star/published-svm": Case(spectra),
    "galaxy-quasar-star/published-forest": Case(spectra),
    "spectrum-embedding/autoencoder": Case(spectra),
    "quantities/convolution": Case(spectra, (("columns", ("redshift",)),)),
    "quantities/networks": Case(features, (("columns", ("redshift",)),)),
    "table/networks": Case(features),
    "stellar-image/cnn": Case(cutouts),
    "stellar-image/small-vit": Case(cutouts),
    "psf-star/cnn": Case(cutouts, (("band", "r"),)),
    "psf-star/published": Case(cutouts, (("band", "r"),)),
    "stamp-type/pca-mlp": Case(stamps),
    "stamp-type/cnn-mlp": Case(stamps),
    "stamp-type/svm-psf": Case(stamps, optics=True),
}


def fitted(name: str, case: Case, folder: Path) -> Any:
    """Fit a variant to few objects, for one epoch."""
    optics = {}
    if case.optics:
        optics["psf_model"] = str(folder / "psf-model.npz")
        random_psf_field(1, exposure=EXPOSURE).save(optics["psf_model"])
    kind, _, variant = name.partition("/")
    model = classifier_kind(kind).training
    short = {"epochs": 1, "patience": 0}
    section = model.model_validate(
        {"classifier": "-", "variant": variant, **{key: n for key, n in short.items() if key in model.model_fields}}
        | dict(case.keys)
        | optics
    )
    family, (block, coordinates) = family_of(kind, variant), case.rows(LEARNT)
    blank = np.full(LEARNT, "")
    label = np.resize(np.array(family.only_classes or case.classes), LEARNT)
    data = Labelled(block, label, blank, blank, np.arange(LEARNT), coordinates)
    if quantities := family.quantities_of(section):
        data = replace(data, quantities=quantities, target=np.random.default_rng(2).normal(size=(LEARNT, 1)))
    return family.fit(data, section, validation=data)


def seconds(name: str, objects: int, turns: int) -> list[float]:
    """Fit a variant, and measure it in another process."""
    with TemporaryDirectory() as folder, ProcessPoolExecutor(1, get_context("spawn")) as other:
        model = Path(folder) / "model"
        fitted(name, CASES[name], Path(folder)).save(model)
        return other.submit(seconds_of_loaded, model, name, objects, turns).result()


def seconds_of_loaded(folder: Path, name: str, objects: int, turns: int) -> list[float]:
    """CPU-seconds per object of each turn, after one that compiles."""
    classifier = load_classifier(folder)
    block, _ = CASES[name].rows(objects)
    known = {variable: block[variable] for variable in classifier.recipe.variables}
    found = []
    for _ in range(1 + turns):
        begun = time.process_time()
        classifier.predict_proba(known, BATCH)
        found.append((time.process_time() - begun) / len(known[classifier.recipe.variables[0]]))
    return found[1:]


def main() -> None:
    """Measure one variant after another, and print each at once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.variants", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=sorted(CASES), default=list(CASES), metavar="KIND/VARIANT")
    parser.add_argument("--objects", type=int, default=512)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    as_a_worker("benchmarks.variants")
    print(f"{machine()}\n\n| kind/variant | CPU-µs per object | from | to | with the rest of the phase |", flush=True)
    print("|---|---|---|---|---|", flush=True)
    for name in options.only:
        try:
            taken = seconds(name, options.objects, options.turns)
        except Exception as error:  # noqa: BLE001 - the others are worth having
            print(f"| {name} | FAILED: {type(error).__name__}: {error} |", flush=True)
            continue
        beside = BESIDE_CUTOUTS if CASES[name].rows is cutouts else BESIDE
        middle, low, high = (1e6 * one for one in (median(taken), min(taken), max(taken)))
        print(f"| {name} | {middle:,.0f} | {low:,.0f} | {high:,.0f} | {middle + 1e6 * beside:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
