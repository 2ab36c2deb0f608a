"""The phase that predicts, shard by shard, against its network alone: networks from light to heavy.

    python -m benchmarks.predictions --out FOLDER [--only NAME …] [--rounds 3]

Each network is loaded from a folder as a worker loads it, and predicts from Zarr to Zarr in this process, in turns with
the network alone, whose inputs lie prepared in memory. Dask and its processes are left out; `benchmarks.predict` has
them. The first network is fitted for one epoch, and is also the row `predictions` of `python -m benchmarks`. The others
have the weights that they begin with: their time does not depend on them.
"""

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import spectra
from benchmarks.data import Data, find_data, repeat_catalog
from benchmarks.pipeline import make_job, ready, run_through
from benchmarks.predict import network
from benchmarks.rows import Row, Side, UnmeasuredError, measure
from benchmarks.timing import as_a_worker, machine
from benchmarks.variants import CASES, fitted
from survey_batch.config.job import Job
from survey_batch.config.sections.train_galaxies import GalaxyTraining
from survey_batch.models.galaxy_quasar_star import CLASSES, VARIABLES
from survey_batch.models.labelled import Labelled
from survey_batch.models.manifest import MANIFEST, Manifest
from survey_batch.models.published_galaxy import COMPONENTS, PublishedCNN, branched_network
from survey_batch.models.recipe import Recipe
from survey_batch.models.spectrum_inputs import PUBLISHED_GRID
from survey_batch.models.stellar_image import ImageCNN, SmallViT
from survey_batch.models.vit import ViT, fine_tuned
from survey_batch.simulate import simulate_sdss
from survey_batch.spectra.grid import log_grid
from survey_batch.store.products import open_group, product_exists, read_rows, read_status, stored

CLOSE = 1e-5
"""Largest difference of probabilities: a matrix product may round by where a row lies in its batch."""

SPECTRAL_TYPE = "spectral-type/convolution"
LETTERS, BANDS = tuple("OBAFGKM"), "ugriz"
SIDE, CUTOUT, CROP = 224, 64, 32
"""Pixels of a composite for ViT-Base, of a cutout, and those of it that the small networks see."""

STARS = 100
"""Simulated, in one field."""

Made = Callable[..., Job]
"""Makes a job of some stages and tables: `made(data, stages, scratch, rows, **tables)`."""


def save_convolution(folder: str) -> None:
    """Fit the convolution for one epoch, and save it."""
    fitted(SPECTRAL_TYPE, CASES[SPECTRAL_TYPE], Path(folder).parent).save(folder)


def save_published(folder: str) -> None:
    """Save the published network of galaxies, quasars and stars, with new weights and components."""
    wavelength = log_grid(3699.9, 9100.0)
    row, blank = np.ones((1, wavelength.size), np.float32), np.array([""])
    data = Labelled(dict.fromkeys(VARIABLES, row), blank, blank, blank, np.zeros(1), {"wavelength": wavelength})
    section = GalaxyTraining(classifier="-", variant="published-cnn")
    random, points = np.random.default_rng(1), PUBLISHED_GRID.size
    components, ones = random.normal(size=(COMPONENTS, points)) / points**0.5, np.ones(COMPONENTS)
    arrays = {"mean": np.zeros(points), "components": components, "variance": ones, "ratio": ones / COMPONENTS}
    recipe = PublishedCNN.recipe_of(data, section)
    manifest = Manifest(kind=PublishedCNN.kind, variant=PublishedCNN.variant, classes=CLASSES, recipe=recipe)
    PublishedCNN(manifest, arrays, branched_network(COMPONENTS, len(CLASSES), 1)).save(folder)


def save_cutouts(family: type[ImageCNN | SmallViT], folder: str) -> None:
    """Save a network of cutouts with new weights."""
    steps: dict[str, float | int | str] = {"method": "cutouts", "crop": CROP, "softening": 0.1}
    recipe = Recipe(product="cutouts", variables=("flux",), shape=(len(BANDS), CUTOUT, CUTOUT), steps=steps)
    manifest = Manifest(kind=family.kind, variant=family.variant, classes=LETTERS, recipe=recipe)
    noise = np.random.default_rng(1).normal(size=(16, CROP, CROP, len(BANDS))).astype(np.float32)
    family(manifest, {}, family.network(noise, len(LETTERS), 0.1, 1)).save(folder)


def save_vit_base(folder: str) -> None:
    """Save a ViT-Base/16 for composites, with new weights."""
    from keras_hub.models import ViTBackbone

    backbone = ViTBackbone(
        image_shape=(SIDE, SIDE, 3),
        patch_size=16,
        num_layers=12,
        num_heads=12,
        hidden_dim=768,
        mlp_dim=3072,
        layer_norm_epsilon=1e-12,
    )
    recipe = Recipe(product="composites", variables=("image",), shape=(SIDE, SIDE, 3), steps={"method": "composites"})
    manifest = Manifest(kind=ViT.kind, variant=ViT.variant, classes=LETTERS, recipe=recipe)
    ViT(manifest, {}, fine_tuned(backbone, (SIDE, SIDE, 3), len(LETTERS), 1)).save(folder)


def images(_: Data, stages: list[str], scratch: Path, rows: int, **tables: Any) -> Job:
    """Make a job of so many stars, each listed several times; simulated, because real fields may lack a band."""
    stars = scratch / "stars" / "sources.csv"
    if not stars.is_file():
        simulate_sdss(stars.parent, fields=1, objects=STARS, seed=3)
    catalog = repeat_catalog(stars, rows, scratch / "copies.csv", separator=",", rows=rows)
    tables = {"frames": {"bands": BANDS}, "cutouts": {"size": CUTOUT}, **tables}
    archive = {"survey": "sdss", "root": str(stars.parent)}
    return make_job(stages, archive, {"path": str(catalog), "id": "copy_id"}, scratch / "product", **tables)


@dataclass(frozen=True)
class Network:
    """What is measured.

    Attributes
    ----------
    title, each : str
        Of the network, and of what it classifies.
    save : callable
        Writes its folder.
    stages : tuple of str
        What its objects go through.
    objects, batch : int
        Objects, and those of a batch and a shard.
    made : callable
        Makes jobs.
    """

    title: str
    each: str
    save: Callable[[str], None]
    stages: tuple[str, ...] = ("spectra",)
    objects: int = 512
    batch: int = 256
    made: Made = spectra.copied


CUTOUTS = ("frames", "cutouts")
NETWORKS = {
    "convolution": Network(
        "spectral types of {} spectra by a convolution along wavelength",
        "spectrum",
        save_convolution,
    ),
    "published-cnn": Network(
        "galaxy, quasar or star of {} spectra by the published convolution",
        "spectrum",
        save_published,
    ),
    "cnn": Network(
        "spectral types of {} cutouts by a convolution",
        "cutout",
        partial(save_cutouts, ImageCNN),
        CUTOUTS,
        made=images,
    ),
    "small-vit": Network(
        "spectral types of {} cutouts by a small transformer",
        "cutout",
        partial(save_cutouts, SmallViT),
        CUTOUTS,
        made=images,
    ),
    "vit-base": Network(
        "spectral types of {} composites of 224 pixels by ViT-Base/16",
        "composite",
        save_vit_base,
        (*CUTOUTS, "composites"),
        objects=32,
        batch=16,
        made=partial(images, composites={"size": SIDE}),
    ),
}


def is_made(job: Job) -> bool:
    """Tell whether a former measurement has left the product."""
    name = job.stages[-1]
    return product_exists(job.output, name) and bool(read_status(job.output, name).all())


def row(data: Data, scratch: Path, name: str = "convolution") -> Row:
    """Set up the comparison for one network."""
    if not all(map(find_spec, ("keras", "tensorflow"))):
        raise UnmeasuredError("TensorFlow is not installed")
    chosen, folder = NETWORKS[name], str(scratch / "model")
    scratch.mkdir(parents=True, exist_ok=True)
    if not (scratch / "model" / MANIFEST).is_file():
        # In a process of its own: TensorFlow is slower where a network has been trained.
        with ProcessPoolExecutor(1, get_context("spawn")) as other:
            other.submit(chosen.save, folder).result()
    shards = {"objects": chosen.batch}
    predictions = {"classifier": folder, "batch": chosen.batch}
    for last in range(1, len(chosen.stages) + 1):
        upstream = chosen.made(data, [*chosen.stages[:last]], scratch, chosen.objects, shards=shards)
        if not is_made(upstream):
            run_through(upstream)
    job = chosen.made(
        data, [*chosen.stages, "predictions"], scratch, chosen.objects, shards=shards, predictions=predictions
    )
    classifier = network(folder)
    block = read_rows(job.output, chosen.stages[-1], slice(0, chosen.objects), classifier.recipe.variables)
    batches = np.split(classifier.prepare(block), chosen.objects // chosen.batch)

    def agreement() -> str:
        ours = np.asarray(stored(open_group(job.output, "predictions"), "probability")[: chosen.batch])
        alone = classifier.predict_proba({key: part[: chosen.batch] for key, part in block.items()}, chosen.batch)
        largest = float(np.nanmax(np.abs(ours - alone)))
        if largest > CLOSE or not np.array_equal(np.isnan(ours), np.isnan(alone)):
            raise RuntimeError(f"probabilities of the phase differ by {largest} from those in memory")
        return (
            f"largest difference from probabilities made in memory {largest:.0e}; Dask and its processes are left out"
        )

    return Row(
        chosen.each,
        chosen.objects,
        Side(
            f"{chosen.title.format(chosen.objects)}, from {chosen.stages[-1]}.zarr to predictions.zarr, "
            f"{chosen.batch} at a time",
            lambda: ready(job),
        ),
        Side(
            "the network alone, its inputs prepared in memory",
            lambda: [partial(classifier.model.predict_on_batch, batch) for batch in batches],
        ),
        notes=lambda _: [agreement()],
    )


def main() -> None:
    """Measure one network after another, and print each at once."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.predictions", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--rounds", type=int, default=3, help="in which the sides take turns")
    options = parser.parse_args()
    as_a_worker("benchmarks.predictions")
    print(f"{machine()}\n\n| network | for each | network alone, CPU-µs | phase, CPU-µs | ratio | from | to |")
    print("|---|---|---|---|---|---|---|", flush=True)
    data = find_data(options.out)
    for name in options.only:
        result = measure(row(data, options.out / name, name), options.rounds)
        alone, phase = 1e6 * result.each("floor"), 1e6 * result.each()
        ratios = sorted(result.ratios())
        print(
            f"| {name} | {result.row.each} | {alone:,.0f} | {phase:,.0f} | {ratios[len(ratios) // 2]:.2f} | "
            f"{ratios[0]:.2f} | {ratios[-1]:.2f} | {result.notes[0]}",
            flush=True,
        )


if __name__ == "__main__":
    main()
