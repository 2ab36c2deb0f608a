"""Spectral classes of simulated stars from one wide-band image: published methods and the likelihood.

    python -m benchmarks.stamp_types --out FOLDER [--stars 11000] [--resplits 10] [--cnn-resplits 1] [--cnn-epochs 2000]

Stars are simulated once, as the published generator does, with the true field known, and split anew ten times into ten
parts of training and one of test. Every figure is a mean over the re-splits, with their standard deviation. A star that
a method does not classify counts as wrong. What was worked out lies in FOLDER/cache, so that a run that was stopped
goes on. In full it takes hours of one core, nearly all of them for the two networks.
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.spectral_type import DATA
from benchmarks.stamp_data import StampSet, stamp_set, unit_flux
from benchmarks.timing import machine
from survey_batch.config.sections.train_stamps import StampTraining
from survey_batch.core.arrays import F8, Index
from survey_batch.models.fitting import Workspace
from survey_batch.models.labelled import Labelled
from survey_batch.models.metrics import accuracy, macro_f1, top_2, within_one_class
from survey_batch.models.published_stamps import ComponentsMLP, StampCNN, published_machine
from survey_batch.models.stamp_likelihood import corrected, learn_correction, probabilities
from survey_batch.optics.diffraction import Optics
from survey_batch.optics.seds import CLASSES, read_seds

Predict = Callable[[StampSet], F8]
"""Probabilities (star, class), NaN where not classified."""

FIELD, OTHER_FIELD = 7, 3
"""Seeds of the exposures."""
VALIDATION = 2000
"""Stars that serve the committee for early stopping; in no training and no test."""
OTHER_STARS = 1000
OFFSET, FLUX_SCATTER = 0.1, 0.5
CNN_SHARE = 1 / 2.6
"""Share of the training stars that the published network leaves out."""
FIGURES = ("macro_f1", "accuracy", "within_one_class", "top_2")
PUBLISHED = {
    ("PCA+MLP", "centred"): (0.366, 0.370, 0.757),
    ("CNN+MLP", "centred"): (0.385, 0.391, 0.746),
    ("SVM+PSF", "centred"): (0.546, 0.549, 0.910),
    ("CNN+MLP", "other exposure"): (0.260, 0.275, 0.517),
    ("SVM+PSF", "other exposure"): (None, 0.534, 0.883),
}
"""Macro F1, accuracy and within one class (Centofanti et al. 2025)."""


@dataclass(frozen=True)
class Task:
    """What a method may learn from: training stars, others to stop by, a seed and a folder for checkpoints."""

    train: StampSet
    held_out: StampSet
    seed: int
    folder: Path


@dataclass(frozen=True)
class Method:
    """A name, how to learn, and on how many re-splits."""

    name: str
    learn: Callable[[Task], Predict]
    resplits: int


def labelled(stars: StampSet, scatter: float) -> Labelled:
    """Stars as the classifiers of the package take them."""
    blank, label = np.full(len(stars.number), ""), np.array(CLASSES)[stars.number]
    return Labelled({"flux": unit_flux(stars.flux, scatter)}, label, blank, blank, np.arange(len(label)), {})


def committee(task: Task, *, scatter: float) -> Predict:
    """PCA+MLP."""
    section = StampTraining(classifier="-", variant="pca-mlp")
    held_out = labelled(task.held_out, scatter)
    model = ComponentsMLP.fit(labelled(task.train, scatter), section, validation=held_out, seed=task.seed)
    return lambda stars: model.predict_proba(labelled(stars, scatter).block)


def network(task: Task, *, scatter: float, epochs: int) -> Predict:
    """CNN+MLP, on as many stars as were trained on."""
    kept = len(task.train.number) - int(len(task.train.number) * CNN_SHARE)
    section = StampTraining(classifier="-", variant="cnn-mlp", epochs=epochs)
    workspace = Workspace(task.folder, partial(print, flush=True))
    model = StampCNN.fit(labelled(task.train.take(slice(kept)), scatter), section, workspace=workspace, seed=task.seed)
    return lambda stars: model.predict_proba(labelled(stars, scatter).block)


def machine_on_features(task: Task) -> Predict:
    """SVM+PSF; stars are ranked by the machine's votes, as published, without probabilities."""
    machine = published_machine()
    model = make_pipeline(StandardScaler(), machine).fit(task.train.features, task.train.number)
    return lambda stars: probabilities(np.asarray(model.decision_function(stars.features)))


def likelihood(task: Task, *, chi_square: str, labels: int | None) -> Predict:
    """Ours, with some training stars' labels, or all (None)."""
    some = task.train.take(slice(labels))
    slope, offsets = 1.0, np.zeros(len(CLASSES))
    if len(some.number):
        folds = list(KFold(5, shuffle=True, random_state=task.seed).split(some.number))
        slope, offsets = learn_correction(-getattr(some, chi_square) / 2, some.number, folds)
    return lambda stars: probabilities(corrected(-getattr(stars, chi_square) / 2, slope, offsets))


def score(true: Index, probability: F8) -> dict[str, float]:
    """Figures in which a star that was not classified is wrong."""
    classified = np.isfinite(probability).all(axis=1)
    # Two more classes that are nobody's: the answers for stars that were not classified.
    full = np.concatenate(
        [np.where(classified[:, None], probability, 0), np.repeat(~classified[:, None], 2, axis=1)], 1
    )
    predicted = full.argmax(axis=1)
    return {
        "macro_f1": macro_f1(true, predicted, full.shape[1]),
        "accuracy": accuracy(true, predicted),
        "within_one_class": within_one_class(true, predicted, len(CLASSES)),
        "top_2": top_2(true, full),
        "not_classified": float(np.mean(~classified)),
    }


def measure(
    method: Method, name: str, stars: StampSet, other: StampSet | None, validation: int, out: Path
) -> dict[str, list[dict[str, float]]]:
    """Scores of each re-split on its test stars, and on another exposure's where there is one."""
    held_out, rest = stars.take(slice(validation)), stars.take(slice(validation, None))
    scores: dict[str, list[dict[str, float]]] = {name: [], "other exposure": []}
    for split in range(method.resplits):
        key = f"{method.name}-{name}-{len(rest.number)}-{split}".replace(" ", "-").replace(",", "")
        path = out / "cache" / f"{key}.json"
        if not path.is_file():
            order = np.random.default_rng([split, 1]).permutation(len(rest.number))
            test, train = np.split(order, [len(order) // 11])
            predict = method.learn(Task(rest.take(train), held_out, split + 1, out / "cache" / key))
            found = {name: score(rest.number[test], predict(rest.take(test)))}
            if other is not None:
                found["other exposure"] = score(other.number, predict(other))
            path.write_text(json.dumps(found), encoding="utf-8")
            print(f"{method.name}, {name}, re-split {split + 1}: {found[name]}", flush=True)
        for sample, figures in json.loads(path.read_text(encoding="utf-8")).items():
            scores[sample].append(figures)
    return scores


def methods(scatter: float, options: argparse.Namespace) -> list[Method]:
    """What is compared where fluxes are known (scatter 0) or not."""
    ours = {"flux and centre fitted": "centre"} if scatter else {"flux, centre known": "fixed", "fitted": "centre"}
    resplits = options.resplits
    found = [
        Method("PCA+MLP", partial(committee, scatter=scatter), min(resplits, options.committee_resplits)),
        Method("SVM+PSF", machine_on_features, resplits),
    ]
    if options.cnn_epochs:
        cnn = partial(network, scatter=scatter, epochs=options.cnn_epochs)
        found.insert(1, Method("CNN+MLP", cnn, min(resplits, options.cnn_resplits)))
    for words, name in ours.items():
        for labels in (0, 130, None):
            text = "all" if labels is None else labels
            learn = partial(likelihood, chi_square=name, labels=labels)
            found.append(Method(f"likelihood ({words}), {text} labels", learn, resplits))
    return found


def table(scores: Mapping[tuple[str, str], list[dict[str, float]]]) -> list[str]:
    """Lines of Markdown."""
    lines = [
        "| stars | method | re-splits | macro F1 | accuracy | within one class | top 2 | published |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (name, sample), runs in scores.items():
        cells = [
            f"{np.mean([one[key] for one in runs]):.3f} ± {np.std([one[key] for one in runs]):.3f}" for key in FIGURES
        ]
        published = PUBLISHED.get((name, sample))
        beside = ", ".join("-" if one is None else f"{one:.3f}" for one in published) if published else ""
        lines.append(f"| {sample} | {name} | {len(runs)} | {' | '.join(cells)} | {beside} |")
    return lines


def plot(scores: Mapping[tuple[str, str], list[dict[str, float]]], path: Path) -> None:
    """Draw accuracies, with the published ones."""
    from matplotlib.figure import Figure

    samples = list(dict.fromkeys(sample for _, sample in scores))
    figure = Figure((9, 1.2 + 0.28 * len(scores)), layout="constrained")
    heights = [sum(one == sample for _, one in scores) for sample in samples]
    for axes, sample in zip(
        np.atleast_1d(figure.subplots(len(samples), 1, sharex=True, height_ratios=heights)), samples, strict=True
    ):
        here = [(name, [one["accuracy"] for one in runs]) for (name, one), runs in scores.items() if one == sample]
        for row, (name, values) in enumerate(here):
            axes.errorbar(np.mean(values), row, xerr=np.std(values), fmt="o", color="#1f5a92", capsize=2)
            if (name, sample) in PUBLISHED:
                axes.plot(PUBLISHED[name, sample][1], row, "x", color="#b3261e")
        axes.axvline(1 / len(CLASSES), color="#7a8794", linewidth=0.8, linestyle=":")
        axes.set_yticks(range(len(here)), [name for name, _ in here], fontsize=8)
        axes.invert_yaxis()
        axes.set_title(sample, fontsize=9)
    axes.set_xlabel("accuracy (dots: measured, with the scatter of re-splits; crosses: published; dotted: guessing)")
    axes.set_xlim(0, 0.7)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Simulate, measure, print and draw."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stamp_types", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seds", type=Path, default=DATA / "templates" / "pickles" / "vis_seds_13.npy")
    parser.add_argument("--stars", type=int, default=11_000)
    parser.add_argument("--offset-stars", type=int, help="off-centre and of unknown flux; as many as --stars")
    parser.add_argument("--validation", type=int, default=VALIDATION)
    parser.add_argument("--resplits", type=int, default=10)
    parser.add_argument("--committee-resplits", type=int, default=10)
    parser.add_argument("--cnn-resplits", type=int, default=1)
    parser.add_argument("--cnn-epochs", type=int, default=2000, help="0 leaves the network out")
    options = parser.parse_args()
    cache: Path = options.out / "cache"
    weights = Optics().bin_weights(*read_seds(options.seds))
    scores: dict[tuple[str, str], Any] = {}
    other = stamp_set(cache, weights, min(OTHER_STARS, options.stars // 8), OTHER_FIELD)
    for name, offset, scatter in (("centred", 0.0, 0.0), ("0.1 pixel, unknown flux", OFFSET, FLUX_SCATTER)):
        count = (options.offset_stars or options.stars) if scatter else options.stars
        stars = stamp_set(cache, weights, options.validation + count, FIELD, offset, scatter)
        for method in methods(scatter, options):
            found = measure(method, name, stars, None if scatter else other, options.validation, options.out)
            scores |= {(method.name, sample): runs for sample, runs in found.items() if runs}
    order = sorted(scores, key=lambda key: ("centred", "0.1 pixel, unknown flux", "other exposure").index(key[1]))
    lines = [machine(), "", *table({key: scores[key] for key in order})]
    print("\n".join(lines))
    (options.out / "stamp-types.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    plot({key: scores[key] for key in order}, options.out / "stamp-types.png")


if __name__ == "__main__":
    main()
