"""Checks of one's own model on a few real rows, before it is written."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from survey_batch.core.arrays import F4, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted
from survey_batch.models.adopted import Adopted, not_probabilities
from survey_batch.models.input_layout import Array
from survey_batch.models.input_pipeline import Step, begin, run_steps
from survey_batch.models.manifest import Manifest
from survey_batch.models.ports import matched

LAYOUTS = ("channels:first", "channels:last", "stack:first", "stack:last", "flatten")
"""Steps that change only how numbers are arranged."""

ALONE_TOLERANCE = 1e-3
"""Largest difference, relative to the largest answer (of each quantity), of an object alone and among others."""


def check_inputs(model: Adopted, block: Variables) -> Variables:
    """Prepare rows, and refuse a model that takes something else.

    Raises
    ------
    ConfigurationError
        Says what the model takes, what the product gives, and which steps might help; or that no row has all its
        values.
    """
    _check_features(model, block)
    shapes = model.shapes
    if matched(model.takes, shapes) is None:
        takes, gives = ", ".join(map(str, model.takes)), ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        after = " after its steps" if model.steps else ""
        raise ConfigurationError(
            f"for one object the model takes {takes}, and {model.recipe.product} gives {gives}{after}; "
            + _advice(model, block)
        )
    _check_types(model, block)
    prepared = model.prepared(block)
    if not prepared["possible"].any():
        raise ConfigurationError(
            f"no object of {model.recipe.product} has all its values after preprocessing, out of the first "
            f"{len(prepared['possible']):,}; spectra and cutouts have missing pixels (NaN): fill them with nan:zero, "
            "nan:mean or nan:interpolate, as in your training"
        )
    return prepared


def _check_features(model: Adopted, block: Variables) -> None:
    """Refuse other features, or another order of them, than a model of scikit-learn was trained on."""
    given = run_steps(begin(block, model.recipe), model.steps).names.get("feature", ())
    if model.feature_names and given and model.feature_names != given:
        raise ConfigurationError(
            f"the model was trained on {counted(len(model.feature_names), 'feature')} by name, and "
            f"{model.recipe.product} gives {len(given)} others or in another order; this selects its own: --preprocess "
            f"select:{','.join(model.feature_names)}"
        )


def _check_types(model: Adopted, block: Variables) -> None:
    """Refuse values that the types of the model's inputs would change."""
    data = run_steps(begin(block, model.recipe), model.steps)
    if wrong := int(np.sum(data.possible & ~model.held(data))):
        takes = ", ".join(f"{port.name} as {port.dtype}" for port in model.takes)
        raise ConfigurationError(
            f"the model takes {takes}, which would change the values of {counted(wrong, 'object')} out of the first "
            f"{len(data.possible):,}: whole numbers hold no fractions, and float16 nothing above 65504; export the "
            "model with inputs of float32, or bring the values into its range (normalise, divide, clip)"
        )


def _advice(model: Adopted, block: Variables) -> str:
    """Find steps that would make the rows fit."""
    for texts in _candidates(model):
        try:
            made = run_steps(begin(block, model.recipe), (*model.steps, *map(Step.read, texts)))
        except ConfigurationError:
            continue
        if matched(model.takes, {name: values.shape[1:] for name, values in made.values.items()}):
            added = " ".join(f"--preprocess {text}" for text in texts)
            values = " (with the wavelengths of your own model)" if "grid" in added else ""
            return f"this would make it fit: {added}{values}"
    if len(model.takes) > 1:
        names = ", ".join(port.name for port in model.takes)
        return f"inputs are matched with variables by name: name variables as the inputs ({names}), or export one input"
    return "no step makes it fit: choose other variables or steps (select, crop, grid, stack), or export it anew"


def _candidates(model: Adopted) -> Iterator[Sequence[str]]:
    """Yield steps that may help, the simplest first."""
    lengths = sorted({length for port in model.takes for length in port.shape if length})
    resized = [f"crop:{length}" for length in lengths]
    if model.recipe.grid is not None:
        low, high = model.recipe.grid.wavelength[[0, -1]]
        resized += [f"grid:log,{np.ceil(low):.0f},{np.floor(high):.0f},{length}" for length in lengths if length > 1]
    alone = [f"take:{name}" for name in model.shapes] if len(model.shapes) > 1 else []
    single = (*LAYOUTS, *resized, *alone)
    pairs = ((first, then) for first in (*resized, *alone) for then in LAYOUTS)
    return chain(((one,) for one in single), pairs)


def first_answers(model: Adopted, prepared: Variables) -> dict[str, Array]:
    """Ask the model about the rows that it can answer, and return its outputs as they are.

    Raises
    ------
    ConfigurationError
        The model fails.
    """
    given = model.unpacked(prepared["inputs"][prepared["possible"]])
    try:
        return dict(model.ask(given))
    except ConfigurationError:
        raise
    except Exception as error:  # each framework has its own
        shapes = ", ".join(f"{name} {values.shape} {values.dtype}" for name, values in given.items())
        raise ConfigurationError(f"the model fails on {shapes}: {error}") from error


def check_answers(model: Adopted, prepared: Variables, *, logits: bool) -> F4:
    """Ask the model as a run does; refuse answers that are not finite, no probabilities, or errors below 0.

    Raises
    ------
    ConfigurationError
        Says what is wrong.
    """
    if model.manifest.outputs == "classes":
        rows = prepared["possible"]
        found = model.ask(model.unpacked(prepared["inputs"][rows]))
        given = model.raw(found) if logits else model.combined(found)
        given = given[np.isfinite(given).all(axis=1)]
        wrong = not_probabilities(np.hstack([1 - given, given]) if given.shape[1] == 1 else given)
        if logits and len(given) and not wrong:
            raise ConfigurationError("the model's answers are probabilities already, not logits: leave out --logits")
        if logits and len(given) and given.min() >= 0 and given.max() <= 1:
            raise ConfigurationError(
                "the model's answers all lie from 0 to 1, as those of a sigmoid for each class, and are no logits: "
                "export the model without its sigmoids, or with a softmax"
            )
        if not logits and wrong:
            raise ConfigurationError(
                f"the model's answers are no probabilities of its classes: {wrong}; if they are logits, say --logits"
            )
    answers = model.predict_prepared(prepared, len(prepared["possible"]))
    if not np.isfinite(answers[prepared["possible"]]).all():
        raise ConfigurationError(
            f"the model's answers are not finite for {np.sum(~np.isfinite(answers).all(axis=1))} of "
            f"{counted(len(answers), 'object')}: is the preprocessing as in your training?"
        )
    errors = answers[:, len(model.manifest.quantities) :]
    if model.manifest.errors and (errors < 0).any():
        raise ConfigurationError(
            f"an error is never negative, and the model's go down to {np.nanmin(errors):.4g}: its columns must be all "
            "values first, then the error of each, and no logarithm or variance; reorder them in the network, or with "
            "--take"
        )
    return answers


def check_alone(model: Adopted, prepared: Variables, answers: F4) -> None:
    """Refuse a model whose answer for an object depends on the others in its batch, or on chance.

    Raises
    ------
    ConfigurationError
        Says what usually causes it.
    """
    axis = 0 if model.manifest.outputs == "values" else None  # quantities differ in size: a redshift, a temperature
    scale = np.nanmax(np.abs(answers), axis=axis)
    for row in np.flatnonzero(prepared["possible"]):
        alone = model.predict_prepared({name: values[row : row + 1] for name, values in prepared.items()}, 1)
        if (np.abs(alone[0] - answers[row]) > ALONE_TOLERANCE * scale).any():
            raise ConfigurationError(
                "the model answers differently for an object alone and among others: it was probably exported as in "
                "training, with dropout or batch normalisation; call model.eval() before the export"
            )


def in_words(manifest: Manifest, answers: F4) -> list[str]:
    """Describe each answer."""
    return [_answer(manifest, answer) if np.isfinite(answer).all() else "none" for answer in answers]


def _answer(manifest: Manifest, answer: Any) -> str:
    if manifest.outputs == "classes":
        best = int(answer.argmax())
        return f"{manifest.classes[best]} {answer[best]:.2f}"
    if manifest.outputs == "embedding":
        return ", ".join(f"{value:.3g}" for value in answer[:3]) + ", …" * (len(answer) > 3)
    count = len(manifest.quantities)
    errors = [f" ± {error:.2g}" for error in answer[count:]] or [""] * count
    named = zip(manifest.quantities, answer, errors, strict=False)
    return ", ".join(
        f"{one.name} {value:.5g}{error}{'' if one.units == '1' else f' {one.units}'}" for one, value, error in named
    )
