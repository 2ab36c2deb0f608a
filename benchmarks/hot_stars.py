"""Recall of O and B stars whose kind was never trained on, with and without spectra made by a generative network.

    python -m benchmarks.hot_stars [--variant forest] [--gan] [--gan-steps 300] [--seed 10]

The survey data (see `benchmarks.spectral_type`) have no O or B star: these come from PyHammer's templates, one of each
subclass from O5 to B9. In each of four folds every fourth subclass of each letter is held out whole: its template is
used for nothing, and the network that makes spectra never sees it. Training are the other templates, as the survey
would have seen such stars, and four fifths of the real spectra, by star. Tested are the template that was held out,
seen 20 times with the noise of the remaining real spectra, and these real spectra themselves: how many of them are
taken for hot stars. Nothing that the network made is tested on.
"""

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from benchmarks.spectral_type import DATA, TEMPLATES, read
from survey_batch.classifiers.artifact import family_of
from survey_batch.classifiers.cross_validation import grouped_folds
from survey_batch.classifiers.labelled import Labelled
from survey_batch.classifiers.resampling import bootstrap
from survey_batch.classifiers.templates import observed
from survey_batch.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.spectra.templates import read_templates

FOLDS = 4
SEEN = 20
"""Times that a held-out template is seen."""
HOT = ("O", "B")


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", default="forest")
    parser.add_argument("--gan", action="store_true")
    parser.add_argument("--gan-steps", type=int, default=300)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks/hot-stars"))
    options = parser.parse_args()
    keys = {"variant": options.variant, "gan": options.gan, "gan_steps": options.gan_steps, "seed": options.seed}
    keys |= {"epochs": options.epochs} if options.epochs else {}
    title = f"{options.variant}{' with GAN' if options.gan else ''}"
    folder = options.out / f"{title}-{options.seed}".replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    lines = describe(*held_out(keys, folder), title)
    print("\n".join(lines))
    (folder / "table.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def held_out(keys: dict[str, Any], folder: Path) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.str_], float]:
    """Answers for each held-out template, (template, time), its type, and the share of real stars called hot.

    Folds that the folder has are taken from there.
    """
    data = read(DATA)
    data = data.take(np.isin(data.label, tuple("OBAFGKM")))
    names = read_templates(str(TEMPLATES), data.coordinates["wavelength"]).spectral_type
    hot = np.concatenate([np.sort(names[np.char.startswith(names, letter)]) for letter in HOT])
    fold_of = np.concatenate([np.arange(np.sum(np.char.startswith(hot, letter))) % FOLDS for letter in HOT])
    answers, alarms = np.empty((len(hot), SEEN), "U12"), []
    for fold, (train, test) in zip(range(FOLDS), grouped_folds(data, FOLDS + 1, keys["seed"]), strict=False):
        here, path = fold_of == fold, folder / f"{fold}.npz"
        if not path.is_file():
            seen, alarm = one_fold(data.take(train), data.take(test), hot[here], keys)
            np.savez(path, allow_pickle=False, seen=seen, alarm=alarm)
        with np.load(path, allow_pickle=False) as kept:
            answers[here] = kept["seen"]
            alarms.append(kept["alarm"])
    return answers, hot, float(np.mean(alarms))


def one_fold(
    trained: Labelled, tested: Labelled, types: npt.NDArray[np.str_], keys: dict[str, Any]
) -> tuple[npt.NDArray[np.str_], float]:
    """Train without templates of some types; answers for these, and the share of real stars called hot."""
    with tempfile.TemporaryDirectory() as scratch:
        path = without(types, Path(scratch))
        section = SpectralTypeTraining(classifier="-", templates=str(path), **keys)
        model = family_of("spectral-type", section.variant).fit(trained, section)
    templates = read_templates(str(TEMPLATES), trained.coordinates["wavelength"])
    chosen = np.array([int(np.flatnonzero(templates.spectral_type == name)[0]) for name in types])
    block = observed(templates, np.repeat(chosen, SEEN), tested.block, keys["seed"] + 1)
    classes = np.array(model.classes)
    answers = classes[model.predict_proba(block).argmax(axis=1)].reshape(len(types), SEEN)
    real = classes[model.predict_proba(tested.block).argmax(axis=1)]
    return answers, float(np.mean(np.isin(real, HOT)))


def without(types: npt.NDArray[np.str_], folder: Path) -> Path:
    """Copy the templates without those of some types."""
    path = folder / "templates.fits"
    with fits.open(TEMPLATES) as file:
        table = file["TEMPLATES"].data
        kept = ~np.isin([str(name).strip() for name in table["spectral_type"]], types)
        parts = [fits.PrimaryHDU(), fits.BinTableHDU(table[kept], name="TEMPLATES"), file["WAVELENGTH"]]
        fits.HDUList(parts).writeto(path)
    return path


def describe(answers: npt.NDArray[np.str_], types: npt.NDArray[np.str_], alarms: float, title: str) -> list[str]:
    """Recall of each letter, with an interval over templates, and what each template was taken for."""
    lines = [f"{title}: {alarms:.3f} of real A to M stars are taken for O or B"]
    for letter in HOT:
        here = np.flatnonzero(np.char.startswith(types, letter))
        for what, right in (("as its letter", answers[here] == letter), ("as O or B", np.isin(answers[here], HOT))):
            group = np.repeat(here, SEEN)
            _, low, high = bootstrap(right.ravel().astype(np.float64), group)
            lines.append(f"  {letter} {what:14} {right.mean():.3f} [{low:.3f}, {high:.3f}] over {len(here)} templates")
    for name, row in zip(types, answers, strict=True):
        found, count = np.unique(row, return_counts=True)
        lines.append(f"    {name}: " + ", ".join(f"{one} {times}" for one, times in zip(found, count, strict=True)))
    return lines


if __name__ == "__main__":
    main()
