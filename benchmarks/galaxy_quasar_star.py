"""Galaxies, quasars and stars: the default classifier beside the published ones, simulated and real spectra apart.

    python -m benchmarks.galaxy_quasar_star [--each 1000] [--variants …] [--out scores.json] [--plot real.png]

All are trained on the same simulated spectra, `--each` of each class, which are made of PyHammer's templates where the
survey data has them. Then they are tested on

- simulated spectra of the same ingredients, with another seed;
- simulated spectra whose stars, alone and in galaxies, are drawn by formulas: not one star of the training is in them;
- the real spectra of LAMOST, on none of which anything was trained: survey data named by SURVEY_BATCH_DATA, else
  ../shared/data beside the checkout. (The ranges of the simulator were widened by what these spectra showed.)

The variant `with-redshift` is the default one that also looks at lines in the rest frame. It is tested with the
redshift, without it, and with a wrong one (stars get galaxies' redshifts, all others 0): what is lost then was read off
the redshift and not off the spectrum.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv

from benchmarks.timing import machine
from survey_batch.archive.decompress import LAMOST_CEILING, decompress
from survey_batch.config.sections.train_galaxies import GalaxyTraining
from survey_batch.models.artifact import read_arrays, write_arrays
from survey_batch.models.base import Classifier
from survey_batch.models.fitted import predict_rows
from survey_batch.models.fitting import Workspace
from survey_batch.models.galaxy_quasar_star import CLASSES
from survey_batch.models.labelled import Labelled
from survey_batch.models.loading import family_of
from survey_batch.models.metrics import confusion_matrix, figures_of, per_class
from survey_batch.spectra.grid import log_grid, to_grid
from survey_batch.spectra.synthetic.examples import simulate_examples
from survey_batch.spectra.synthetic.star_library import StarLibrary, drawn_stars, template_stars
from survey_batch.surveys.lamost.files import read_spectrum

DATA = Path(os.environ.get("SURVEY_BATCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
GRID = log_grid(3699.9, 9100.0)
PUBLISHED = {"published-forest": 0.964, "published-svm": 0.979, "published-cnn": 0.983}
"""Accuracies on 2000 real spectra of LAMOST DR9 with S/N above 10, as published; trained on 8000."""
VARIANTS = ("convolution", "with-redshift", "published-forest", "published-svm", "published-cnn")
SEEDS = {"train": 11, "same ingredients": 12, "other stars": 13}


def labelled(block: dict[str, Any], label: np.ndarray, names: np.ndarray) -> Labelled:
    """Rows as a product has them."""
    label = label.astype(str)
    return Labelled(block, label, np.full(len(label), ""), names, np.arange(len(label)), {"wavelength": GRID})


def simulated(each: int, seed: int, stars: StarLibrary, folder: Path | None) -> Labelled:
    """Simulated spectra, as many of each class; a folder keeps them for the next time."""
    path = folder / f"simulated-{each}-{seed}.npz" if folder else None
    if path and path.exists():
        block = read_arrays(path)
        label = block.pop("label")
    else:
        block, label = simulate_examples(dict.fromkeys(CLASSES, each), GRID, seed=seed, stars=stars)
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_arrays(path, {**block, "label": label.astype(str)})
    return labelled(block, label, np.arange(len(label)).astype(str))


def real(folder: Path) -> Labelled:
    """All real galaxies, quasars and stars; their S/N in r is NaN where the catalogue has none."""
    parse = pyarrow.csv.ParseOptions(delimiter="|")
    table = pyarrow.csv.read_csv(folder / "lamost" / "catalog.csv", parse_options=parse).to_pandas()
    table = table[table["class"].isin(CLASSES)]
    raw = ((folder / "lamost" / "spectra" / name).read_bytes() for name in table["filename"])
    gridded = to_grid([read_spectrum(decompress(data, LAMOST_CEILING)) for data in raw], GRID)
    block = dict(zip(("flux", "ivar", "mask"), gridded, strict=True))
    block |= {"redshift": table["z"].to_numpy(np.float32), "snr": table["snrr"].to_numpy(np.float32)}
    return labelled(block, table["class"].to_numpy(), table["filename"].to_numpy(str))


def without_redshift(data: Labelled) -> Labelled:
    """The same spectra, of which no redshift is known."""
    return labelled({**data.block, "redshift": np.full(len(data), np.nan, np.float32)}, data.label, data.object_id)


def wrong_redshift(data: Labelled) -> Labelled:
    """Stars with redshifts as of galaxies, all others with that of a star at rest."""
    random = np.random.default_rng(5).uniform(0.05, 0.25, len(data)).astype(np.float32)
    return labelled({**data.block, "redshift": np.where(data.label == "STAR", random, 0)}, data.label, data.object_id)


def figures(classifier: Classifier[Any], data: Labelled) -> dict[str, Any]:
    """Figures on one set of spectra; rows that cannot be classified are counted as wrong."""
    probability = np.nan_to_num(predict_rows(classifier, data))
    known = probability.sum(axis=1) > 0
    true = np.array([CLASSES.index(name) for name in data.label])
    answer = probability.argmax(axis=1)
    right = (answer == true) & known
    confusion = confusion_matrix(true[known], answer[known], len(CLASSES))
    overall = figures_of(confusion, 0)
    return {
        "accuracy": float(right.mean()),
        "interval": interval(int(right.sum()), len(true)),
        "macro_f1": float(overall["macro_f1"]),
        "f1": dict(zip(CLASSES, per_class(confusion)["f1"].tolist(), strict=True)),
        "right_of": {name: [int(right[true == i].sum()), int((true == i).sum())] for i, name in enumerate(CLASSES)},
        "confusion": confusion.tolist(),
        "not_classified": int(np.sum(~known)),
        "wrong": [
            [str(data.object_id[row]), str(data.label[row]), *probability[row].round(3).tolist()]
            for row in np.flatnonzero(~right)
        ],
    }


def interval(right: int, of: int) -> list[float]:
    """Exact binomial 95 % interval."""
    from scipy.stats import binomtest

    bounds = binomtest(right, of).proportion_ci()
    return [float(bounds.low), float(bounds.high)]


def line(name: str, part: dict[str, Any]) -> str:
    """One row of the table."""
    recall = "  ".join(f"{kind} {k}/{n}" for kind, (k, n) in part["right_of"].items())
    low, high = part["interval"]
    overall = f"accuracy {part['accuracy']:.3f} [{low:.3f}, {high:.3f}]  macro F1 {part['macro_f1']:.3f}"
    return f"    {name:26} {overall}  {recall}"


def run(variant: str, options: argparse.Namespace, train: Labelled, tests: dict[str, Labelled]) -> dict[str, Any]:
    """Train one variant and test it."""
    redshift = variant == "with-redshift"
    section = GalaxyTraining(
        classifier="-",
        variant="convolution" if redshift else variant,
        redshift=redshift,
        seed=options.seed,
        **({} if options.epochs is None else {"epochs": options.epochs}),
    )
    start = time.process_time()
    family = family_of(section.kind, section.variant)
    folder = options.save / f"{variant}.training" if options.save else None
    classifier = family.fit(train, section, workspace=Workspace(folder, lambda text: print(f"    {text}", flush=True)))
    result: dict[str, Any] = {"cpu_seconds": time.process_time() - start, "tests": {}}
    print(f"{variant}: {result['cpu_seconds']:.0f} CPU-seconds of training", flush=True)
    if variant in PUBLISHED:
        print(f"    {'as published, real DR9':26} accuracy {PUBLISHED[variant]:.3f}")
    for name, data in tests.items():
        cases = {name: data}
        if redshift:
            cases |= {f"{name}, no z": without_redshift(data), f"{name}, wrong z": wrong_redshift(data)}
        for case, rows in cases.items():
            result["tests"][case] = figures(classifier, rows)
            print(line(case, result["tests"][case]), flush=True)
    if options.plot and variant == "convolution" and "real" in tests:
        plot(classifier, tests["real"], options.plot)
    if options.save:
        classifier.save(options.save / variant)
    return result


def plot(classifier: Classifier[Any], data: Labelled, path: Path) -> None:
    """Draw the real galaxies and quasars with what the classifier says of them."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rare = data.take(data.label != "STAR")
    block, probability = rare.block, predict_rows(classifier, rare)
    figure, axes = plt.subplots(len(rare), 1, figsize=(9, 1.5 * len(rare)), sharex=True)
    for row, axis in enumerate(np.atleast_1d(axes)):
        good = (block["mask"][row] == 0) & (block["ivar"][row] > 0)
        flux = np.where(good, block["flux"][row], np.nan)[: GRID.size // 8 * 8].reshape(-1, 8)
        weight = np.maximum(np.isfinite(flux).sum(axis=1), 1)
        binned = np.where(np.isfinite(flux).any(axis=1), np.nansum(flux, axis=1) / weight, np.nan)
        axis.plot(GRID[: GRID.size // 8 * 8 : 8], binned, lw=0.7, color="0.2")
        low, high = np.nanpercentile(binned, [1, 99.6])
        axis.set_ylim(low - 0.1 * (high - low), high + 0.2 * (high - low))
        says = ", ".join(f"{name} {share:.2f}" for name, share in zip(CLASSES, probability[row], strict=True))
        axis.set_title(
            f"{rare.label[row]}, z = {block['redshift'][row]:.3f}, S/N {block['snr'][row]:.1f}: {says}", fontsize=8
        )
        axis.set_yticks([])
    axes[-1].set_xlabel("wavelength [Angstrom, vacuum]")
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=1000, help="training spectra of each class")
    parser.add_argument("--test", type=int, default=300, help="simulated test spectra of each class")
    parser.add_argument("--epochs", type=int, default=None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=VARIANTS)
    parser.add_argument("--out", type=Path, help="JSON file; variants of an earlier run that are in it stay")
    parser.add_argument("--plot", type=Path, help="picture of the real galaxies and quasars")
    parser.add_argument("--save", type=Path, help="folder that keeps classifiers, checkpoints and simulated spectra")
    options = parser.parse_args()
    templates = DATA / "templates" / "pyhammer_stellar_templates.fits"
    stars = template_stars(str(templates)) if templates.exists() else drawn_stars()
    tests = {
        "same ingredients": simulated(options.test, SEEDS["same ingredients"], stars, options.save),
        "other stars": simulated(options.test, SEEDS["other stars"], drawn_stars(), options.save),
    }
    if (DATA / "lamost" / "catalog.csv").exists():
        tests["real"] = real(DATA)
        bright = tests["real"].block["snr"] > 10
        tests["real, S/N above 10"] = tests["real"].take(bright)
    train = simulated(options.each, SEEDS["train"], stars, options.save)
    source = "PyHammer's templates" if templates.exists() else "drawn by formulas"
    print(f"{machine()}; {options.each} training spectra of each class, stars {source}")
    results = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    for variant in options.variants:
        results[variant] = run(variant, options, train, tests)
        if options.out:
            options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
