"""What runs a trained network on a CPU: Keras on TensorFlow, ONNX Runtime, or OpenVINO in 32 and 16 bits.

    python -m benchmarks.engines --out FOLDER [--only types galaxies cnn small-vit] [--rounds 7] [--onednn]

Four networks are trained where that was not done yet: convolutions along wavelength on the LAMOST spectra at hand (star
types; galaxy, quasar or star), and a convolution and a small transformer on cutouts of simulated stars. All engines are
loaded from the same folder and get the same prepared rows in turns, in one process with one thread each, as on a
worker. CPU-seconds count, and seconds on the clock beside them. Then each engine classifies all objects of the product:
what its probabilities differ by, and how many objects get another class.

With --onednn TensorFlow may use oneDNN, which workers switch off because it rounds differently from machine to machine.
"""

import argparse
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.predict import Subject, images, jobs, spectra
from benchmarks.timing import as_a_worker, machine
from survey_batch.config.sections.cluster import ClusterSection
from survey_batch.config.sections.models import Engine, Precision
from survey_batch.core.arrays import F4, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.execution.runner import run
from survey_batch.models.keras_family import KerasClassifier
from survey_batch.models.loading import load_classifier
from survey_batch.models.manifest import Manifest
from survey_batch.models.recipe import Recipe
from survey_batch.models.stellar_image import ImageCNN, SmallViT
from survey_batch.store.products import read_rows, read_status
from survey_batch.training.train import train

BATCH, BATCHES = 256, 4
SIDE = 32
"""Pixels of a cutout of noise."""
WAYS: tuple[tuple[Engine, Precision], ...] = (
    ("keras", "float32"),
    ("onnxruntime", "float32"),
    ("openvino", "float32"),
    ("openvino", "mixed_bfloat16"),
)


def galaxies(folder: Path) -> Subject:
    """Galaxy, quasar or star from the same spectra, all of them; simulated ones help where there are few."""
    stars = spectra(folder)
    catalog = {
        "path": stars.catalog["path"],
        "label": "class",
        "select": {"labels": ["GALAXY", "QSO", "STAR"]},
    }
    return replace(stars, catalog=catalog, train={"kind": "galaxy-quasar-star", "simulated": 100})


def small_vit(folder: Path) -> Subject:
    """A small transformer on the cutouts of the convolution."""
    stars = images(folder)
    return replace(stars, train={**stars.train, "variant": "small-vit"})


SUBJECTS: dict[str, tuple[str, Callable[[Path], Subject]]] = {
    "types": ("spectral type, 1-D convolution", spectra),
    "galaxies": ("galaxy, quasar or star, 1-D convolution", galaxies),
    "cnn": ("stellar images, 2-D convolution", images),
    "small-vit": ("stellar images, small transformer", small_vit),
}


def trained(folder: Path, name: str, epochs: int) -> tuple[str, Variables]:
    """Train a network, unless there is one, and read the rows of its product."""
    subject = SUBJECTS[name][1](folder)
    options = argparse.Namespace(objects=1, batch=BATCH, threads=1, shard=512, epochs=epochs, gpu=False, variant=None)
    job, _ = jobs(folder / ("galaxies" if name == "galaxies" else "stars"), subject, options)
    if job.train is None:
        raise TypeError("the job does not train")
    section = job.train.model_copy(update={"classifier": str(folder / "models" / name)})
    job = job.model_copy(update={"train": section})
    if not (Path(section.classifier) / "manifest.json").exists():
        run(job.model_copy(update={"stages": subject.stages, "cluster": ClusterSection(workers=os.cpu_count())}))
        train(job)
    recipe = load_classifier(section.classifier).recipe
    rows = slice(0, len(read_status(job.output, subject.product)))
    return section.classifier, read_rows(job.output, subject.product, rows, recipe.variables)


def untrained(folder: Path, name: str) -> tuple[str, Variables]:
    """Write a network of images with the weights that it begins with, and draw noise as cutouts."""
    family = {"cnn": ImageCNN, "small-vit": SmallViT}[name]
    noise = np.random.default_rng(0).normal(size=(BATCH, len("ugriz"), SIDE, SIDE)).astype(np.float32)
    recipe = Recipe(
        product="cutouts", variables=("flux",), shape=noise.shape[1:], steps={"method": "cutouts", "crop": 0}
    )
    manifest = Manifest(kind=family.kind, variant=family.variant, classes=tuple("OBAFGKM"), recipe=recipe)
    sample = np.moveaxis(noise, 1, -1)
    path = folder / "models" / f"untrained-{name}"
    family(manifest, {}, family.network(sample, len(manifest.classes), 0.1, 1)).save(path)
    return str(path), {"flux": noise}


def loaded(folder: str, engine: Engine, precision: Precision) -> KerasClassifier[Any] | None:
    """Load a network into an engine; None where it is not installed or the processor lacks the precision."""
    try:
        classifier = load_classifier(folder, precision, engine)
    except ConfigurationError as error:
        print(f"{engine}, {precision}: left out ({error})")
        return None
    if not isinstance(classifier, KerasClassifier):
        raise TypeError(f"{folder} holds no network")
    return classifier


def seconds(classifier: KerasClassifier[Any], parts: list[Any]) -> tuple[float, float]:
    """CPU-seconds and seconds that the network alone takes."""
    begun = time.process_time(), time.perf_counter()
    for part in parts:
        classifier.outputs(part)
    return time.process_time() - begun[0], time.perf_counter() - begun[1]


def table(folder: str, block: Variables, rounds: int) -> list[str]:
    """Compare all ways to run a network."""
    ways = {way: found for way in WAYS if (found := loaded(folder, *way)) is not None}
    first = ways["keras", "float32"]
    prepared = first.prepared(block)
    inputs = prepared["inputs"][prepared["possible"]]
    parts = np.split(np.resize(inputs, (BATCH * BATCHES, *inputs.shape[1:])), BATCHES)
    for classifier in ways.values():
        seconds(classifier, parts[:1])
    taken = [{way: seconds(classifier, parts) for way, classifier in ways.items()} for _ in range(rounds)]
    answers: dict[Any, F4] = {way: classifier.predict_proba(block, BATCH) for way, classifier in ways.items()}
    ours, lines = answers["keras", "float32"], []
    known = np.isfinite(ours).all(axis=1)
    for way, answer in answers.items():
        cpu = median(one[way][0] for one in taken)
        ratios = [median(one["keras", "float32"][which] / one[way][which] for one in taken) for which in (0, 1)]
        other = (answer.argmax(axis=1) != ours.argmax(axis=1))[known].sum()
        lines.append(
            f"| {way[0]}, {way[1]} | {BATCH * BATCHES / cpu:,.0f} | {ratios[0]:.2f} | {ratios[1]:.2f} | "
            f"{np.abs(answer - ours)[known].max():.1e} | {other} of {known.sum()} |"
        )
    return lines


def main() -> None:
    """Train what is missing, compare, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engines", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=list(SUBJECTS), default=list(SUBJECTS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--onednn", action="store_true", help="let TensorFlow use oneDNN")
    parser.add_argument("--untrained", action="store_true", help="only speed, of networks of images: cnn, small-vit")
    options = parser.parse_args()
    as_a_worker("benchmarks.engines")
    if options.onednn:
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    print(f"{machine()}; one thread; oneDNN is {'on' if options.onednn else 'off'} in TensorFlow")
    for name in options.only:
        title, _ = SUBJECTS[name]
        if options.untrained:
            folder, block = untrained(options.out, name)
        else:
            folder, block = trained(options.out, name, options.epochs)
        print(f"\n{title}: {load_classifier(folder).model.count_params():,} weights\n", flush=True)
        print("| engine | objects per CPU-second | times Keras | on the clock | largest change | other class |")
        print("|---|---|---|---|---|---|", *table(folder, block, options.rounds), sep="\n", flush=True)


if __name__ == "__main__":
    main()
