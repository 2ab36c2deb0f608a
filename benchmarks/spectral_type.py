"""Cross-validated figures of the spectral type on real LAMOST spectra: all variants and baselines in the same folds.

    python -m benchmarks.spectral_type [--variants lines forest …] [--seeds 3] [--out runs/benchmarks/spectral-type]

Reads the survey data named by SURVEY_BATCH_DATA, else ../shared/data beside the checkout: spectra in
`lamost/spectra`, `lamost/catalog.csv`, PyHammer's templates in `templates/pyhammer_stellar_templates.fits`. Folds
are stratified by class and grouped by star; nothing is fitted to a star that it is tested on. Each seed is one whole
cross-validation with its own folds and networks; the mean over seeds has the spread of folds and networks averaged
out, not that of the choice of stars, which is what the standard errors of the bootstrap over stars say.

What each variant answered is kept in `--out`, and only what is missing there is computed: variants can be run one by
one. The table and the plot show all that is there.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from survey_batch.archive.decompress import LAMOST_CEILING, decompress
from survey_batch.catalog.labels import spectral_type
from survey_batch.catalog.stars import group_by_star
from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.models.classes import class_numbers
from survey_batch.models.cross_validation import grouped_folds
from survey_batch.models.fitting import Fit, Predict
from survey_batch.models.labelled import Labelled
from survey_batch.models.loading import family_of
from survey_batch.models.metrics import confusion_matrix, macro_f1
from survey_batch.models.resampling import bootstrap
from survey_batch.models.spectral_type import CLASSES, SpectralTypeClassifier
from survey_batch.spectra.grid import log_grid, to_grid
from survey_batch.surveys.lamost.files import read_spectrum

FIRST_SEED = 10
"""Seeds 0 to 3 served to choose the designs; the figures come from other folds (but the same stars)."""
FOLDS = 5
LETTERS = tuple("OBAFGKM")
NAMES = (*LETTERS, "non-stellar")
"""What a variant may answer."""
CEILING = 0.91
"""Share of pairs of visits to one star in which LAMOST's own letter is the same."""
BASELINES = ("components_svm", "templates")
WITHOUT = " without templates"
VARIANTS = ("forest", f"forest{WITHOUT}", "lines", "convolution", "published", *BASELINES)
MEANS = {"forest and lines": ("forest", "lines"), "forest and convolution": ("forest", "convolution")}
"""Means of the probabilities of variants."""

DATA = Path(os.environ.get("SURVEY_BATCH_DATA", Path(__file__).parents[2] / "shared" / "data"))
TEMPLATES = DATA / "templates" / "pyhammer_stellar_templates.fits"


def read(folder: Path) -> Labelled:
    """All labelled spectra of the folder, on the default grid."""
    parse = pyarrow.csv.ParseOptions(delimiter="|")
    table = pyarrow.csv.read_csv(folder / "lamost" / "catalog.csv", parse_options=parse)
    label = np.array(spectral_type(table["class"].combine_chunks(), table["subclass"].combine_chunks()).to_pylist())
    table = table.filter(pa.array(kept := np.isin(label, CLASSES)))
    names = np.array(table["filename"].to_pylist())
    grid = log_grid(3700.0, 9100.0)
    raw = ((folder / "lamost" / "spectra" / name).read_bytes() for name in names)
    block = to_grid([read_spectrum(decompress(data, LAMOST_CEILING)) for data in raw], grid)
    ra, dec = (table[name].to_numpy().astype(np.float64) for name in ("ra", "dec"))
    return Labelled(
        dict(zip(("flux", "ivar", "mask"), block, strict=True)),
        label=label[kept],
        split=np.full(len(names), ""),
        object_id=names,
        star=group_by_star(ra, dec, 3.0),
        coordinates={"wavelength": grid},
    )


def fit_of(name: str, data: Labelled, epochs: int | None) -> Fit:
    """What trains a variant or a baseline and answers with shares of `NAMES`, (object, name)."""
    keys: dict[str, Any] = {"classifier": "-", "templates": str(TEMPLATES)} | ({"epochs": epochs} if epochs else {})
    if name in BASELINES:
        picks = SpectralTypeClassifier.baselines(data, SpectralTypeTraining(**keys), CLASSES)[name]
        return lambda trained, seed: _placed(picks(trained, seed), CLASSES)
    variant = name.removesuffix(WITHOUT)
    keys["templates"] = None if name.endswith(WITHOUT) else str(TEMPLATES)
    family, table = family_of("spectral-type", variant), SpectralTypeTraining(variant=variant, **keys)

    def fit(trained: Labelled, seed: int) -> Predict:
        known = trained.take(np.isin(trained.label, family.only_classes or NAMES))
        model = family.fit(known, table, seed=seed)
        return _placed(lambda other: model.predict_proba(other.block), model.classes)

    return fit


def _placed(predict: Predict, classes: tuple[str, ...]) -> Predict:
    """Answers, probabilities or numbers, put in the columns of `NAMES`."""

    def placed(other: Labelled) -> npt.NDArray[Any]:
        answer = predict(other)
        shares = np.eye(len(classes))[answer] if answer.ndim == 1 else answer
        columns = np.zeros((len(shares), len(NAMES)), np.float32)
        columns[:, class_numbers(np.array(classes), NAMES)] = shares
        return columns

    return placed


def answers_of(name: str, seed: int, data: Labelled, folder: Path, epochs: int | None) -> None:
    """Shares (object, name) by a model that was not trained on the object's star; missing folds are computed."""
    fit, whole = fit_of(name, data, epochs), np.zeros((len(data), len(NAMES)), np.float32)
    for fold, (train, test) in enumerate(grouped_folds(data, FOLDS, seed)):
        path = folder / "folds" / f"{name}-{seed}-{fold}.npy"
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            np.save(path, fit(data.take(train), seed)(data.take(test)), allow_pickle=False)
        whole[test] = np.load(path, allow_pickle=False)
    np.save(folder / f"{name}-{seed}.npy", whole, allow_pickle=False)


def kept_answers(folder: Path) -> Iterator[tuple[str, list[npt.NDArray[Any]]]]:
    """What there is of each variant, over the seeds, and means of variants."""
    found = {name: sorted(folder.glob(f"{name}-[0-9]*.npy")) for name in VARIANTS}
    for name in VARIANTS:
        if found[name]:
            yield name, [np.load(path, allow_pickle=False) for path in found[name]]
    for name, parts in MEANS.items():
        both = sorted(set.intersection(*({path.stem.split("-")[-1] for path in found[part]} for part in parts)))
        if both:
            yield name, [np.mean([np.load(folder / f"{part}-{seed}.npy") for part in parts], axis=0) for seed in both]


def figures(data: Labelled, answers: list[npt.NDArray[Any]]) -> dict[str, Any]:
    """Figures over stars of A to M: mean over seeds, and standard error and interval of the bootstrap over stars."""
    stars = np.isin(data.label, LETTERS)
    true = class_numbers(data.label[stars], NAMES)
    picked = [np.nan_to_num(answer[stars], nan=-1).argmax(axis=1) for answer in answers]
    right = np.mean([one == true for one in picked], axis=0)
    error, low, high = bootstrap(right, data.star[stars], 0)
    return {
        "seeds": len(answers),
        "objects": int(stars.sum()),
        "accuracy": right.mean(),
        "error": error,
        "interval": (low, high),
        "spread": np.std([np.mean(one == true) for one in picked]),
        "macro_f1": np.mean([macro_f1(true, one, len(NAMES)) for one in picked]),
        "confusion": np.mean([confusion_matrix(true, one, len(NAMES)) for one in picked], axis=0),
    }


def describe(name: str, one: dict[str, Any]) -> str:
    """One line, and the confusion matrix where classes occur."""
    rows = slice(LETTERS.index("A"), len(LETTERS))
    head = (
        f"{name:24} A to M {one['accuracy']:.3f} ± {one['error']:.3f} [{one['interval'][0]:.3f}, "
        f"{one['interval'][1]:.3f}], macro F1 {one['macro_f1']:.3f}; {one['seeds']} seeds, spread {one['spread']:.3f}"
    )
    table = [
        f"    {letter} " + " ".join(f"{count:6.1f}" for count in counts)
        for letter, counts in zip(LETTERS[rows], one["confusion"][rows], strict=True)
    ]
    return "\n".join([head, *table])


def draw(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Accuracy of each with its interval, under the ceiling of the labels, and the best one's confusion."""
    from matplotlib.figure import Figure

    names = sorted(results, key=lambda name: results[name]["accuracy"])
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
    value = np.array([results[name]["accuracy"] for name in names])
    ends = np.array([results[name]["interval"] for name in names])
    left.errorbar(value, names, xerr=np.abs(ends.T - value), fmt="o", color="#20618d", capsize=3)
    left.axvline(CEILING, color="#b0413e", linestyle="--")
    left.text(
        CEILING - 0.008,
        0.5,
        "repeat visits agree",
        color="#b0413e",
        rotation=90,
        va="center",
        ha="center",
        fontsize=8,
        transform=left.get_xaxis_transform(),
    )
    left.set(xlabel="accuracy over A to M, stars never trained on (95 %)", xlim=(min(ends.min(), 0.5) - 0.02, 0.95))
    confusion = results[names[-1]]["confusion"][2:7]
    share = confusion / confusion.sum(axis=1, keepdims=True)
    shown = [
        class_index for class_index, name in enumerate(NAMES) if name in "AFGKM" or confusion[:, class_index].any()
    ]
    right.imshow(share[:, shown], cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row in range(len(confusion)):
        for column, class_index in enumerate(shown):
            dark = share[row, class_index] > 0.5
            text = f"{confusion[row, class_index]:.0f}"
            right.text(column, row, text, ha="center", va="center", color="white" if dark else "black")
    right.set_xticks(range(len(shown)), [NAMES[class_index] for class_index in shown])
    right.set_yticks(range(5), LETTERS[2:])
    right.set(xlabel="predicted", ylabel="LAMOST's label", title=names[-1])
    figure.savefig(path, dpi=90)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", nargs="*", default=VARIANTS, choices=VARIANTS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--epochs", type=int, help="instead of each variant's own")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/spectral-type"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    data = read(DATA)
    print(f"{len(data)} spectra of {len(np.unique(data.star))} stars: {data.counts()}")
    for name in options.variants:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            answers_of(name, seed, data, options.out, options.epochs)
    results = {name: figures(data, answers) for name, answers in kept_answers(options.out)}
    lines = "\n".join(describe(name, one) for name, one in results.items())
    print(lines)
    (options.out / "table.txt").write_text(lines + "\n", encoding="utf-8")
    draw(results, options.out / "accuracy.png")


if __name__ == "__main__":
    main()
