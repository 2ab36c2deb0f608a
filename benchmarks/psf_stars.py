"""Good stars for a PSF on real SDSS frames: the classifier against the rule it learnt from, and what either is worth.

    python -m benchmarks.psf_stars [--out FOLDER] [--epochs 12] [--variants cnn published] [--skip-epsf]

Reads the frames below `sdss/` of the survey data named by SURVEY_BATCH_DATA, else ../shared/data beside the checkout.
Each field in turn is held out whole, in all its bands, and the classifiers are trained on the other fields' frames.

1. Precision and recall against the rule, among all sources of the held-out frames, with bootstrap intervals.
2. CPU time per frame of the rule (its PSF included) and of the classifier (cutouts included); detection, which both
   need, beside them.
3. photutils' EPSFBuilder from the chosen stars, the rule's and all detections of each r frame, in folds: residuals are
   measured on stars that took no part in the build. The test stars are chosen by brightness, isolation and
   half-light radius, not by the rule and not by the classifier.

Prints the tables, and writes them as JSON, with plots, to the folder.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import machine
from survey_batch.archive.decompress import SDSS_CEILING, decompress
from survey_batch.config.sections.detect import DetectSection, RuleSection
from survey_batch.config.sections.train_psf_stars import PsfStarTraining
from survey_batch.images.cutout import cut, window_start
from survey_batch.images.detect import Detections, detect
from survey_batch.images.frame import Frame
from survey_batch.images.psf_rule import Judgement, find_candidates, fit_radius, half_sample_mode, judge, measure
from survey_batch.models.labelled import Labelled
from survey_batch.models.loading import family_of
from survey_batch.results.psf_stars import like_most
from survey_batch.stages.detections import frame_noise
from survey_batch.surveys.sdss.camera import ccd
from survey_batch.surveys.sdss.files import FieldKey, read_frame

DATA = Path(os.environ.get("SURVEY_BATCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
SIZE = 49
"""Pixels on a side of a cutout: twice the rule's margin and one."""
CLASSES = ("other", "good")
BRIGHT = 100.0
"""S/N of the trivial baseline: every source that is at least as bright."""
FAINT, FAINT_EVERY = 30.0, 3
"""S/N below which only every third source is trained on: they are many and much alike."""
TEST_SNR = 50.0
"""S/N of the stars on which residuals are measured."""
LOCUS = 0.15
"""Share by which their half-light radius may differ from the commonest of the frame."""
FOLDS = 3
EPSF_SIZE, OVERSAMPLING, ITERATIONS = 25, 2, 5
"""Pixels of the stars that EPSFBuilder is given, cells per pixel, and iterations."""
DRAWS = 1000


@dataclass
class Exposure:
    """One frame with its sources, the rule's judgement and CPU seconds."""

    key: FieldKey
    band: str
    frame: Frame
    sigma: Any
    counts: Any
    detections: Detections
    judgement: Judgement
    seconds: dict[str, float]

    @property
    def name(self) -> str:
        """Run and band."""
        return f"{self.key.run} {self.band}"

    @property
    def cutouts(self) -> Any:
        """Windows around the sources, (n, 1, size, size), as the stage `cutouts` has them."""
        starts = (window_start(position, SIZE) for position in (self.detections.x, self.detections.y))
        return cut(self.frame.image, *starts, SIZE)[:, None]


def read_exposures(root: Path) -> list[Exposure]:
    """Find and judge the sources of every frame in the archive that has a PSF."""
    exposures = []
    for path in sorted(root.glob("eboss/photoObj/frames/*/*/*/frame-*.fits.bz2")):
        _, band, run, camcol, field = path.name.split(".")[0].split("-")
        key = FieldKey(int(path.parts[-4]), int(run), int(camcol), int(field))
        made = exposure_of(read_frame(decompress(path.read_bytes(), SDSS_CEILING), key, band, sky=True), key, band)
        if made.judgement.psf is not None:
            exposures.append(made)
        print(f"{made.name}: {len(made.detections)} sources, {made.judgement.good.sum()} good", flush=True)
    return exposures


def exposure_of(frame: Frame, key: FieldKey, band: str) -> Exposure:
    """Detect and judge, with the CPU seconds of each."""
    section = DetectSection(band=band)
    sigma, counts = frame_noise(frame, frame.sky, ccd(key.run, key.camcol, band))
    begun = time.process_time()
    detections = detect(frame.image, sigma, threshold=section.threshold, area=section.area, mesh=section.mesh)
    found = time.process_time()
    judgement = judge(frame.image, sigma, counts, detections, RuleSection())
    seconds = {"detection": found - begun, "rule": time.process_time() - found}
    return Exposure(key, band, frame, sigma, counts, detections, judgement, seconds)


def labelled(exposures: list[Exposure], faint_every: int = 1) -> Labelled:
    """Cutouts of the sources with the rule's labels; of the faint ones, of which none is good, every so many."""
    snr = np.concatenate([one.detections.flux / one.detections.error for one in exposures])
    rows = (snr >= FAINT) | (np.arange(len(snr)) % faint_every == 0)
    label = np.array(CLASSES)[np.concatenate([one.judgement.good for one in exposures]).astype(int)][rows]
    blank = np.full(len(label), "")
    flux = np.concatenate([one.cutouts for one in exposures])[rows]
    return Labelled({"flux": flux}, label, blank, blank, np.arange(len(label)), {"band": np.array(["any"])})


Predict = Callable[[Exposure], Any]


def trained(variant: str, exposures: list[Exposure], epochs: int) -> dict[str, Predict]:
    """Train a variant, and with the first one the baselines, on some exposures."""
    family = family_of("psf-star", variant)
    keys = {"epochs": epochs} if variant == "cnn" else {}
    section = PsfStarTraining(classifier="-", variant=variant, **keys)
    data = labelled(exposures, FAINT_EVERY)
    classifier = family.fit(data, section, classes=CLASSES)

    def predict(one: Exposure) -> Any:
        begun = time.process_time()
        probability = classifier.predict_proba({"flux": one.cutouts})[:, 1]
        one.seconds[variant] = time.process_time() - begun
        return np.nan_to_num(probability)

    made = {variant: predict}
    if variant == "cnn":
        trees = family.baselines(data, section, CLASSES)["shape_trees"](data, section.seed)
        made["shape_trees"] = lambda one: trees(labelled([one]))[:, 1]
        made["bright"] = lambda one: (one.detections.flux / one.detections.error >= BRIGHT).astype(float)
    return made


def held_out(exposures: list[Exposure], variants: list[str], epochs: int) -> dict[str, list[Any]]:
    """Predict each exposure by classifiers that saw none of its field; (exposure) lists by method."""
    answers: dict[str, list[Any]] = {}
    for run in sorted({one.key.run for one in exposures}):
        others = [one for one in exposures if one.key.run != run]
        for variant in variants:
            for name, predict in trained(variant, others, epochs).items():
                answers.setdefault(name, [None] * len(exposures))
                for index, one in enumerate(exposures):
                    if one.key.run == run:
                        answers[name][index] = predict(one)
            print(f"field of run {run} held out: {variant} done", flush=True)
    return answers


def precision_recall(good: Any, chosen: Any) -> dict[str, Any]:
    """Both, with 95 % intervals of a bootstrap over sources."""
    random = np.random.default_rng(1)
    hit, number = good & chosen, len(good)
    rows = (random.integers(0, number, number) for _ in range(DRAWS))
    counts = np.array([[hit[row].sum(), chosen[row].sum(), good[row].sum()] for row in rows])
    low, high = (np.percentile(counts[:, :1] / np.maximum(counts[:, 1:], 1), part, axis=0) for part in (2.5, 97.5))
    values = hit.sum() / np.maximum([chosen.sum(), good.sum()], 1)
    return {
        name: [round(float(part), 3) for part in (values[index], low[index], high[index])]
        for index, name in enumerate(("precision", "recall"))
    } | {"chosen": int(chosen.sum()), "good": int(good.sum()), "sources": number}


def of_one_size(exposures: list[Exposure], answers: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The same with the confidence of sources set to 0 that are not of the size of most chosen ones of their frame."""
    made = {}
    for name in (name for name in answers if name != "shape_trees"):
        parts = []
        for one, confidence in zip(exposures, answers[name], strict=True):
            rows = np.flatnonzero(confidence >= 0.5)
            position = np.column_stack([one.detections.x[rows], one.detections.y[rows]])
            other = rows[~like_most(one.detections.half_light_radius[rows], position=position)]
            parts.append(np.where(np.isin(np.arange(len(confidence)), other), 0.0, confidence))
        made[f"{name} + size"] = parts
    return made


def score(exposures: list[Exposure], answers: dict[str, list[Any]]) -> dict[str, Any]:
    """Precision and recall by method and threshold, on the r frames and on all."""
    table: dict[str, Any] = {}
    for which in ("r", "ugriz"):
        indices = [index for index, one in enumerate(exposures) if one.band in which]
        good = np.concatenate([exposures[index].judgement.good for index in indices])
        for name, parts in answers.items():
            confidence = np.concatenate([parts[index] for index in indices])
            for threshold in (0.5,) if name.startswith("bright") else (0.5, 0.9):
                key = f"{'r frames' if which == 'r' else 'all frames'}, {name}, {threshold}"
                table[key] = precision_recall(good, confidence >= threshold)
    return table


def print_scores(table: dict[str, Any]) -> None:
    """Print what `score` found."""
    for key, row in table.items():
        text = ", ".join("{} {:.3f} ({:.3f} to {:.3f})".format(name, *row[name]) for name in ("precision", "recall"))
        print(f"{key:36} {text}; {row['chosen']} chosen, {row['good']} good of {row['sources']}")


def field_scores(exposures: list[Exposure], answers: dict[str, list[Any]]) -> dict[str, Any]:
    """Precision and recall of the classifier at 0.5 in each frame."""
    return {
        one.name: precision_recall(one.judgement.good, answers["cnn + size"][index] >= 0.5)
        for index, one in enumerate(exposures)
    }


def timings(exposures: list[Exposure], variants: list[str]) -> dict[str, float]:
    """Median CPU seconds per frame."""
    named = ("detection", "rule", *variants)
    return {name: round(float(np.median([one.seconds[name] for one in exposures])), 3) for name in named}


def epsf_residuals(one: Exposure, chosen: Any, fold: Any) -> list[dict[str, Any]]:
    """Residuals of test stars, of each fold under the ePSF of the chosen sources of the others."""
    stars = test_stars(one)
    radius = fit_radius(one.judgement.psf.fwhm)
    rows = []
    for number in range(FOLDS):
        build = chosen & (fold != number) & inside(one.detections, one.frame.image.shape)
        epsf = build_epsf(one, build)
        test = stars & (fold == number)
        if epsf is None or not test.any():
            continue
        left = measure(one.frame.image, one.sigma, one.detections.take(test), epsf, radius)
        rows += [dict(zip(left, values, strict=True)) for values in zip(*left.values(), strict=True)]
    return rows


def test_stars(one: Exposure) -> Any:
    """Stars by brightness, isolation and size alone."""
    stars = find_candidates(one.counts, one.detections, RuleSection(snr=TEST_SNR))
    size = one.detections.half_light_radius
    return stars & (np.abs(size / half_sample_mode(size[one.judgement.candidate]) - 1) < LOCUS)


def inside(detections: Detections, shape: tuple[int, int]) -> Any:
    """Sources whose whole stamp lies on the frame."""
    margin = EPSF_SIZE // 2 + 1
    x, y = detections.x, detections.y
    return (x > margin) & (x < shape[1] - margin) & (y > margin) & (y < shape[0] - margin)


def build_epsf(one: Exposure, build: Any) -> Callable[[Any, Any], Any] | None:
    """Build with photutils; None where it fails."""
    from astropy.nddata import NDData
    from astropy.table import Table
    from photutils.psf import EPSFBuilder, extract_stars

    table = Table({"x": one.detections.x[build], "y": one.detections.y[build]})
    level = np.median(one.detections.sky[build]) if build.any() else 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            stars = extract_stars(NDData(one.frame.image - level), table, size=EPSF_SIZE)
            made = EPSFBuilder(oversampling=OVERSAMPLING, maxiters=ITERATIONS, progress_bar=False)(stars)
        except (ValueError, IndexError) as error:
            print(f"{one.name}: EPSFBuilder: {error}")
            return None
    model = made.epsf

    def profile(dx: Any, dy: Any) -> Any:
        x, y = np.broadcast_arrays(dx, dy)
        return model.evaluate(x.ravel(), y.ravel(), 1.0, 0.0, 0.0).reshape(x.shape)

    return profile


def compare_epsf(exposures: list[Exposure], answers: dict[str, list[Any]]) -> dict[str, Any]:
    """Residuals of the three selections in each r frame, on the same test stars."""
    table: dict[str, Any] = {}
    for index, one in enumerate(exposures):
        if one.band != "r":
            continue
        fold = np.random.default_rng(1).integers(0, FOLDS, len(one.detections))
        selections = {
            "classifier": answers["cnn + size"][index] >= 0.5,
            "rule": one.judgement.good,
            "all bright": one.detections.flux / one.detections.error >= BRIGHT,
            "all sources": np.ones(len(one.detections), bool),
        }
        for name, chosen in selections.items():
            rows = epsf_residuals(one, chosen, fold)
            middle = {key: round(float(np.median([row[key] for row in rows])), 5) for key in rows[0]} if rows else {}
            table[f"{one.name}, {name}"] = {"built from": int(chosen.sum()), "test stars": len(rows), **middle}
            print(f"{one.name}, {name}: {table[f'{one.name}, {name}']}", flush=True)
    return table


def plot(exposures: list[Exposure], answers: dict[str, list[Any]], epsf: dict[str, Any], folder: Path) -> None:
    """Draw precision against recall, and the residuals."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    indices = [index for index, one in enumerate(exposures) if one.band == "r"]
    good = np.concatenate([exposures[index].judgement.good for index in indices])
    for name, parts in answers.items():
        confidence = np.concatenate([parts[index] for index in indices])
        cuts = [0.5] if name.startswith("bright") else np.linspace(0.02, 0.98, 49)
        hits = np.array([[(good & (confidence >= c)).sum(), (confidence >= c).sum()] for c in cuts])
        mark = {"marker": "o"} if name.startswith("bright") else {}
        axes[0].plot(hits[:, 0] / good.sum(), hits[:, 0] / np.maximum(hits[:, 1], 1), label=name, **mark)
    axes[0].set(xlabel="recall", ylabel="precision", title="r frames, each field held out", ylim=(0, 1.02))
    axes[0].legend()
    fields = sorted({key.split(", ")[0] for key in epsf})
    for offset, name in enumerate(("classifier", "rule", "all bright", "all sources")):
        values = [100 * epsf.get(f"{field}, {name}", {}).get("share", np.nan) for field in fields]
        axes[1].bar(np.arange(len(fields)) + 0.2 * offset - 0.3, values, 0.2, label=name)
    axes[1].set(
        title="ePSF residuals of stars in no build", ylabel="scatter beyond noise, % of flux", yscale="log",
        xticks=range(len(fields)), xticklabels=fields,
    )  # fmt: skip
    axes[1].legend()
    figure.savefig(folder / "psf-stars.png", dpi=90)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/psf-stars"))
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--variants", nargs="+", choices=["cnn", "published"], default=["cnn", "published"])
    parser.add_argument("--skip-epsf", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    print(machine())
    exposures = read_exposures(DATA / "sdss")
    answers = held_out(exposures, options.variants, options.epochs)
    answers |= of_one_size(exposures, answers)
    results: dict[str, Any] = {"scores": score(exposures, answers), "frames": field_scores(exposures, answers)}
    print_scores(results["scores"])
    print_scores(results["frames"])
    results["cpu_seconds"] = timings(exposures, options.variants)
    print(f"median CPU seconds per frame: {results['cpu_seconds']}")
    np.savez_compressed(
        options.out / "answers.npz",
        **{
            f"{name} {one.name}": parts[index] for name, parts in answers.items() for index, one in enumerate(exposures)
        },
    )
    results["epsf"] = {} if options.skip_epsf else compare_epsf(exposures, answers)
    (options.out / "psf-stars.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    plot(exposures, answers, results["epsf"], options.out)


if __name__ == "__main__":
    main()
