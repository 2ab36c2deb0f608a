"""Training spectra for classes that the survey has too few of: from templates, and made by a network."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.gan import made_spectra
from survey_batch.models.labelled import Labelled
from survey_batch.models.manifest import Recipe
from survey_batch.models.templates import observed
from survey_batch.spectra.templates import read_templates

Block = Mapping[str, npt.NDArray[Any]]
VARIABLES = ("flux", "ivar", "mask")
RARE = 10
"""Training objects below which a class is helped."""
HOT_SHARE = 22_901 / 8_183_160
"""Of the survey's stellar spectra that are of O or B stars: LAMOST DR5 has 8,183,160 (its catalogue, CDS V/164), among
which 22,901 were found by eye (Liu et al. 2019, ApJS 241, 32)."""
HOT = ("O", "B")
"""Both get half of that share: which of the two a star is, is for helium to say."""
NOISE_ROWS = 512
"""Training spectra at most whose noise is copied."""


def rare_examples(
    data: Labelled, recipe: Recipe, section: SpectralTypeTraining, classes: tuple[str, ...], seed: int
) -> tuple[Block, npt.NDArray[np.str_]] | None:
    """Spectra for each class with fewer than `RARE` training objects.

    `copies` of its templates, as the survey would have seen them (`templates.observed`, with the noise of training
    spectra); with `gan` also as many that a network makes which was trained on these and on the real ones. A class that
    no label of the survey can be is left out: it could only ever be a wrong answer.

    Raises
    ------
    ConfigurationError
        `gan` is set, and a rare class has neither training objects nor templates.
    """
    parts: list[tuple[Block, npt.NDArray[np.str_]]] = []
    for number, name in enumerate(classes):
        real = np.flatnonzero(data.label == name)
        nameable = data.possible_labels is None or name in data.possible_labels or len(real)
        if len(real) < RARE and section.copies and nameable:
            block = _of_class(name, data, recipe, section, seed + 100 * number)
            parts += [(block, np.repeat(name, len(block["flux"])))] if block else []
            if section.gan:
                made = _made(name, [data.take(real).block] * bool(len(real)) + [block] * bool(block), section, seed)
                parts.append((made, np.repeat(name, section.copies)))
    if not parts:
        return None
    return _joined([block for block, _ in parts]), np.concatenate([label for _, label in parts])


def survey_weights(labels: npt.NDArray[np.str_], real: int) -> npt.NDArray[np.float64]:
    """Weight of each training row, (row,), of which the first `real` are the survey's own: 1.

    So are those made for a rare class, but for O and B: each of these weighs `HOT_SHARE` / 2 of the survey's own rows,
    however many were made.
    """
    weight, made = np.ones(len(labels)), np.arange(len(labels)) >= real
    for name in HOT:
        of_class = made & (labels == name)
        weight[of_class] = HOT_SHARE / len(HOT) * real / max(int(np.count_nonzero(of_class)), 1)
    return weight


def _of_class(
    name: str, data: Labelled, recipe: Recipe, section: SpectralTypeTraining, seed: int
) -> dict[str, npt.NDArray[Any]]:
    """Spectra of a class' templates, all of which are used alike; empty where there are none."""
    if not section.templates or recipe.grid is None:
        return {}
    templates = read_templates(section.templates, recipe.grid.wavelength)
    templates = templates.take(templates.letter == name)
    if not len(templates):
        return {}
    noise = data.take(np.arange(0, len(data), -(-len(data) // NOISE_ROWS))).block
    return observed(templates, np.arange(section.copies) % len(templates), noise, seed)


def _made(name: str, blocks: list[Block], section: SpectralTypeTraining, seed: int) -> Block:
    if not blocks:
        raise ConfigurationError(
            f"train.gan: class {name!r} has neither training objects nor templates to learn from; set train.templates, "
            "or leave gan out"
        )
    return made_spectra(_joined(blocks), section.copies, section.gan_steps, seed)


def _joined(blocks: list[Block]) -> Block:
    return {name: np.concatenate([block[name] for block in blocks]) for name in VARIABLES}
