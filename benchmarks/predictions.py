"""The phase that predicts, shard by shard, against its network alone: networks from light to heavy.

    python -m benchmarks.predictions --out FOLDER [--only NAME …] [--rounds 3]

Each network is loaded from a folder as a worker loads it, and predicts from Zarr to Zarr in this process, in turns with
the network alone, whose inputs lie prepared in memory. Dask and its processes are left out; `benchmarks.predict` has
them. The light networks are fitted for one epoch to simulated objects. ViT-Base/16 has the weights that it begins with:
its time does not depend on them. The first network is also the row `predictions` of `python -m benchmarks`.
"""

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
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
from survey_batch.models.manifest import MANIFEST, Manifest
from survey_batch.models.recipe import Recipe
from survey_batch.models.vit import ViT, fine_tuned
from survey_batch.simulate import simulate_sdss
from survey_batch.store.products import open_group, product_exists, read_rows, read_status, stored

CLOSE = 1e-5
"""Largest difference of probabilities: a matrix product may round by where a row lies in its batch."""

SIDE, CROP = 224, 32
"""Pixels of a composite for ViT-Base, and those of a cutout that the small networks see."""

STARS = 100
"""Simulated, in one field."""

Made = Callable[..., Job]
"""Makes a job of some stages and tables: `made(data, stages, scratch, rows, **tables)`."""


def vit_base(folder: str) -> None:
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
    manifest = Manifest(kind=ViT.kind, variant=ViT.variant, classes=tuple("OBAFGKM"), recipe=recipe)
    ViT(manifest, {}, fine_tuned(backbone, (SIDE, SIDE, 3), len(manifest.classes), 1)).save(folder)


def save_fitted(name: str, folder: str, **keys: Any) -> None:
    """Fit a variant for one epoch, and save it; its time does not depend on its weights."""
    case = replace(CASES[name], keys=tuple(keys.items()))
    fitted(name, case, Path(folder).parent).save(folder)


def images(data: Data, stages: list[str], scratch: Path, rows: int, **tables: Any) -> Job:
    """Make a job of so many stars, each listed several times; simulated, because real fields may lack a band."""
    stars = scratch / "stars" / "sources.csv"
    if not stars.is_file():
        simulate_sdss(stars.parent, fields=1, objects=STARS, seed=3)
    catalog = repeat_catalog(stars, rows, scratch / "copies.csv", separator=",", rows=rows)
    tables = {"frames": {"bands": data.bands}, "cutouts": {"size": 64}, **tables}
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
        partial(save_fitted, "spectral-type/convolution"),
    ),
    "published-cnn": Network(
        "galaxy, quasar or star of {} spectra by the published convolution",
        "spectrum",
        partial(save_fitted, "galaxy-quasar-star/published-cnn"),
    ),
    "cnn": Network(
        "spectral types of {} cutouts by a convolution",
        "cutout",
        partial(save_fitted, "stellar-image/cnn", crop=CROP),
        CUTOUTS,
        made=images,
    ),
    "small-vit": Network(
        "spectral types of {} cutouts by a small transformer",
        "cutout",
        partial(save_fitted, "stellar-image/small-vit", crop=CROP),
        CUTOUTS,
        made=images,
    ),
    "vit-base": Network(
        "spectral types of {} composites of 224 pixels by ViT-Base/16",
        "composite",
        vit_base,
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
