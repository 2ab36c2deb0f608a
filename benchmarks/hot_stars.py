"""Recall of O and B stars whose kind was never trained on, with and without spectra made by a generative network.

    python -m benchmarks.hot_stars [--variant forest] [--gan] [--gan-steps 300] [--seed 10]

The survey data (see `benchmarks.spectral_type`) have no O or B star: these come from PyHammer's templates, one of each
subclass from O5 to B9. In each of four folds every fourth subclass of each letter is held out whole: its template is
used for nothing, and the network that makes spectra never sees it. Training are the other templates, as the survey
would have seen such stars, and four fifths of the real spectra, by star. Tested are the template that was held out,
seen 60 times with the noise of the remaining real spectra, and these real spectra themselves: how many of them are
taken for hot stars. Nothing that the network made is tested on. "Good" are spectra with a signal to noise of at least
20 per pixel (its median).
"""

import argparse
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from benchmarks.spectral_type import DATA, TEMPLATES, read
from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.models.cross_validation import grouped_folds
from survey_batch.models.labelled import Labelled
from survey_batch.models.loading import family_of
from survey_batch.models.resampling import bootstrap
from survey_batch.models.templates import observed
from survey_batch.spectra.templates import read_templates

FOLDS = 4
SEEN = 60
"""Times that a held-out template is seen."""
HOT = ("O", "B")
GOOD = 20.0
Snr = npt.NDArray[np.floating]
Answers = npt.NDArray[np.str_]


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


def held_out(keys: dict[str, Any], folder: Path) -> tuple[Answers, Snr, Snr, Answers, float]:
    """Answers for held-out templates.

    These are, how sure each is, and the signal to noise, (template, time) each; the templates' types; and the share of
    real stars called hot.

    Folds that the folder has are taken from there.
    """
    data = read(DATA)
    data = data.take(np.isin(data.label, tuple("OBAFGKM")))
    names = read_templates(str(TEMPLATES), data.coordinates["wavelength"]).spectral_type
    hot = np.concatenate([np.sort(names[np.char.startswith(names, letter)]) for letter in HOT])
    fold_of = np.concatenate([np.arange(np.sum(np.char.startswith(hot, letter))) % FOLDS for letter in HOT])
    answers, alarms = np.empty((len(hot), SEEN), "U12"), []
    sure, snr = np.empty((2, len(hot), SEEN))
    for fold, (train, test) in zip(range(FOLDS), grouped_folds(data, FOLDS + 1, keys["seed"]), strict=False):
        here, path = fold_of == fold, folder / f"{fold}.npz"
        if not path.is_file():
            seen = one_fold(data.take(train), data.take(test), hot[here], keys)
            np.savez(path, allow_pickle=False, **dict(zip(("seen", "sure", "snr", "alarm"), seen, strict=True)))
        with np.load(path, allow_pickle=False) as kept:
            answers[here], sure[here], snr[here] = kept["seen"], kept["sure"], kept["snr"]
            alarms.append(kept["alarm"])
    return answers, sure, snr, hot, float(np.mean(alarms))


def one_fold(
    trained: Labelled, tested: Labelled, types: npt.NDArray[np.str_], keys: dict[str, Any]
) -> tuple[Answers, Snr, Snr, float]:
    """Train without templates of some types; answers for these, and the share of real stars called hot."""
    with tempfile.TemporaryDirectory() as scratch:
        path = without(types, Path(scratch))
        section = SpectralTypeTraining(classifier="-", templates=str(path), **keys)
        model = family_of("spectral-type", section.variant).fit(trained, section)
    templates = read_templates(str(TEMPLATES), trained.coordinates["wavelength"])
    chosen = np.array([int(np.flatnonzero(templates.spectral_type == name)[0]) for name in types])
    block = observed(templates, np.repeat(chosen, SEEN), tested.block, keys["seed"] + 1)
    classes = np.array(model.classes)
    probability, shape = model.predict_proba(block), (len(types), SEEN)
    with np.errstate(invalid="ignore"):
        snr = np.nanmedian(np.where(block["mask"] == 0, block["flux"] * np.sqrt(block["ivar"]), np.nan), axis=1)
    real = classes[model.predict_proba(tested.block).argmax(axis=1)]
    answers, sure = classes[probability.argmax(axis=1)], probability.max(axis=1)
    return answers.reshape(shape), sure.reshape(shape), snr.reshape(shape), float(np.mean(np.isin(real, HOT)))


def without(types: npt.NDArray[np.str_], folder: Path) -> Path:
    """Copy the templates without those of some types."""
    path = folder / "templates.fits"
    with fits.open(TEMPLATES) as file:
        table = file["TEMPLATES"].data
        kept = ~np.isin([str(name).strip() for name in table["spectral_type"]], types)
        parts = [fits.PrimaryHDU(), fits.BinTableHDU(table[kept], name="TEMPLATES"), file["WAVELENGTH"]]
        fits.HDUList(parts).writeto(path)
    return path


def describe(answers: Answers, sure: Snr, snr: Snr, types: Answers, alarms: float, title: str) -> list[str]:
    """Recall of each letter, with an interval over templates, and what each template was taken for."""
    lines = [f"{title}: {alarms:.3f} of real A to M stars are taken for O or B"]
    for letter, (name, kept) in product(HOT, (("all", snr > 0), ("good", snr >= GOOD))):
        here = np.char.startswith(types, letter)[:, None] & kept
        group = np.broadcast_to(np.arange(len(types))[:, None], here.shape)[here]
        for what, right in (("as its letter", answers[here] == letter), ("as O or B", np.isin(answers[here], HOT))):
            _, low, high = bootstrap(right.astype(np.float64), group)
            lines.append(f"  {letter} {name:4} {what:14} {right.mean():.3f} [{low:.3f}, {high:.3f}]")
    for row, name in enumerate(types):
        parts = []
        for letter in np.unique(answers[row]):
            here = answers[row] == letter
            parts.append(f"{letter} {np.sum(here)} (confidence {np.median(sure[row, here]):.2f})")
        lines.append(f"    {name}: " + ", ".join(parts))
    return lines


if __name__ == "__main__":
    main()
