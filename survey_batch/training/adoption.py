"""Adoption of one's own model: a folder that predicts like a classifier trained here."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from survey_batch.config.job import Job
from survey_batch.config.jobfile import JOB, job_of
from survey_batch.core.arguments import NAMES, PATH, TEXT, takes
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import usable
from survey_batch.core.steps import step
from survey_batch.core.threads import one_thread
from survey_batch.core.wording import counted
from survey_batch.lazy.products import open_product
from survey_batch.models.adopted import OUTPUTS, SCORES, Adopted
from survey_batch.models.artifact import sha256
from survey_batch.models.input_pipeline import READS, Step, as_keys, read_steps
from survey_batch.models.labelled import Labelled
from survey_batch.models.loading import family_of, load_classifier
from survey_batch.models.manifest import MANIFEST, Manifest
from survey_batch.models.recipe import Recipe
from survey_batch.models.workspace import clear_folder
from survey_batch.preflight.provenance import check_made_by
from survey_batch.training.adoption_checks import (
    check_alone,
    check_answers,
    check_inputs,
    first_answers,
    in_words,
)
from survey_batch.training.declared import check_order, chosen_outputs, declared
from survey_batch.training.labelled_rows import select_rows

if TYPE_CHECKING:
    import xarray as xr

VARIANTS = {".onnx": "onnx", ".keras": "keras", ".skops": "skops"}
"""The variant for each ending of a file."""

SHOWN = 10
"""Objects that are predicted to show that it works."""

MAIN = ("flux", "image", "value")
"""The variable that is taken if none is named: the first that the product has."""


@dataclass(frozen=True)
class Adoption:
    """What `adopt` did.

    Attributes
    ----------
    folder : str
        The model's folder, for `predictions.classifier`.
    variant : str
        `onnx`, `keras` or `skops`.
    product, variables
        What it reads.
    steps : list of str
        The preprocessing, in order.
    input_shapes : dict
        Shape of one object in each input of the model.
    outputs : str
        `classes`, `values` or `embedding`.
    rows : list of dict
        Some objects of the product: `object_id`, `label` ("" if there is none) and `answer`, in words.
    """

    folder: str
    variant: str
    product: str
    variables: list[str]
    steps: list[str]
    input_shapes: dict[str, list[int]]
    outputs: str
    rows: list[dict[str, str]]


@one_thread()
@takes(model=PATH, job=JOB, product=TEXT, outputs=TEXT, folder=PATH, variables=NAMES, preprocess=NAMES, take=NAMES)
def adopt(
    model: str | PathLike[str],
    job: Job | str | PathLike[str],
    product: str,
    outputs: str,
    folder: str | PathLike[str] | None = None,
    *,
    variables: str | Sequence[str] = (),
    preprocess: str | Sequence[str] = (),
    errors: bool = False,
    logits: bool = False,
    take: str | Sequence[str] = (),
    replace: bool = False,
) -> Adoption:
    """Put a model that was trained elsewhere into a folder, from which it predicts like a classifier trained here.

    Parameters
    ----------
    model
        An ONNX file (which PyTorch and most frameworks write), a `.keras` file, or a `.skops` file of scikit-learn. No
        code of the file's author is run.
    job : Job, str or path
        A job that has made the product, or its file.
    product
        What the model works on, as the job made it: `spectra`, `features`, `cutouts`, `composites`, `stamps`, ….
    outputs
        What it answers with: `classes:A,F,G` (names in the order of its outputs; for a skops file, `classes` takes the
        model's own), `values:z,teff[K]` (names, with units of the VOUnit standard in brackets) or `embedding`.
    folder
        Where to write; by default `predictions.classifier` of the job.
    variables
        The product's variables that the model takes; by default its main one (`flux`, `image` or `value`).
    preprocess
        Steps that turn the variables into the model's input, in order, such as `normalise:median`; the page "Run your
        own model" lists them. They travel with the model.
    errors
        The model also gives an error of each value: all values come first, then all errors.
    logits
        The model's classes are scores of which softmax makes probabilities, as those of most PyTorch networks.
    take
        Names of the model's outputs to use, put side by side; by default those that fit.
    replace
        Replace a model that the folder holds.

    Returns
    -------
    Adoption
        With the answers for ten objects of the product.

    Raises
    ------
    ConfigurationError
        The model and the product do not fit, or the folder is in use; the message says what to change.
    PlanMismatchError
        The product was made with other settings than the job's.
    """
    wanted = job_of(job)
    source, target = Path(model), _target(folder, wanted, replace=replace)
    family = _family(source)
    step(f"reading {source}")
    loaded = family.read_model(source)
    keys = declared(outputs, errors=errors, names=family.class_names(loaded))
    step(f"reading {product}")
    check_made_by(wanted, product)
    data = open_product(wanted, product)
    names = _variables(data, product, _names(variables))
    steps = read_steps([preprocess] if isinstance(preprocess, str) else preprocess)
    steps = _with_take(steps, names, data)
    rows = _rows(wanted, data, _read(steps, names, data))
    draft = family(_draft(family, rows, product, keys, steps), {}, loaded)
    draft.source = source
    prepared = check_inputs(draft, rows.block)
    step(f"asking the model about {counted(len(rows), 'object')}")
    found = first_answers(draft, prepared)
    columns = None if keys["outputs"] == "embedding" else draft.manifest.columns
    used, width = chosen_outputs(found, int(prepared["possible"].sum()), columns, _names(take))
    check_order(used, draft.manifest.classes or [one.name for one in draft.manifest.quantities])
    draft.manifest = _with_outputs(draft, used, width, logits=logits)
    answers = check_answers(draft, prepared, logits=logits)
    check_alone(draft, prepared, answers)
    clear_folder(target)
    draft.save(target)
    load_classifier(target)
    ids = zip(rows.object_id.tolist(), rows.label.tolist(), in_words(draft.manifest, answers), strict=True)
    return Adoption(
        str(target),
        family.variant,
        product,
        list(draft.recipe.variables),
        [one.text for one in steps],
        {port.name: list(draft.unpacked(prepared["inputs"])[port.name].shape[1:]) for port in draft.takes},
        draft.manifest.outputs,
        [{"object_id": name, "label": label, "answer": answer} for name, label, answer in ids],
    )


def _names(given: str | Sequence[str]) -> tuple[str, ...]:
    """Return names that may be written in one text, with commas."""
    words = given.split(",") if isinstance(given, str) else given
    return tuple(word.strip() for word in words if word.strip())


def _target(folder: str | PathLike[str] | None, job: Job, *, replace: bool) -> Path:
    """Find the folder to write, and refuse one that holds something that nobody asked to replace."""
    if folder is None and job.predictions is None:
        raise ConfigurationError("say where to write the model: --to FOLDER, or predictions.classifier in the job")
    named = fspath(folder) if folder is not None else job.predictions.classifier if job.predictions else ""
    target = Path(named).expanduser()
    if (target / MANIFEST).exists():
        if not replace:
            raise ConfigurationError(
                f"{target} already holds a model, on which predictions may depend: choose another folder, or say "
                "--replace"
            )
    elif target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigurationError(f"{target} is no folder of a model, and holds something else: choose another one")
    return target


def _family(source: Path) -> type[Adopted]:
    if source.suffix not in VARIANTS:
        raise ConfigurationError(
            f"{source} is no file of a kind that can be adopted ({', '.join(VARIANTS)}): export a PyTorch model with "
            "torch.onnx.export, save a Keras one with model.save('m.keras'), a scikit-learn one with skops.io.dump"
        )
    if not source.is_file():
        raise ConfigurationError(f"there is no file {source}")
    family: type[Adopted] = family_of(Adopted.kind, VARIANTS[source.suffix])  # type: ignore[assignment]
    family.check_environment()
    return family


def _variables(data: "xr.Dataset", product: str, variables: Sequence[str]) -> tuple[str, ...]:
    """Return the variables that the model takes; refuse those that the product lacks."""
    there = [str(name) for name, values in data.data_vars.items() if values.dims[:1] == ("object",)]
    if not there or data["status"].dims != ("object",):
        raise ConfigurationError(f"{product} has no row for each object, so no model can answer for each")
    numbers = [name for name in there if data[name].dtype.kind in "fiub" and name != "status"]
    names = tuple(variables) or tuple(name for name in MAIN if name in numbers)[:1]
    missing = [name for name in names if name not in numbers]
    if missing or not names:
        what = f"{product} has no variable {missing[0]!r} of numbers" if missing else f"name the variables of {product}"
        raise ConfigurationError(f"{what}; there are {', '.join(numbers)}")
    return names


def _with_take(steps: tuple[Step, ...], names: Sequence[str], data: "xr.Dataset") -> tuple[Step, ...]:
    """Add a step that drops variables which only other steps read, right after the last that reads them."""
    last = max((number for number, one in enumerate(steps, 1) if one.name in READS), default=0)
    if not last or set(_read(steps, names, data)) == set(names):
        return steps
    return (*steps[:last], Step.read(f"take:{','.join(names)}"), *steps[last:])


def _read(steps: Sequence[Step], names: Sequence[str], data: "xr.Dataset") -> tuple[str, ...]:
    """Return the variables to read: those that the model takes, and those that its steps need."""
    needed = [name for one in steps for name in READS.get(one.name, ()) if name in data]
    return tuple(dict.fromkeys((*names, *needed)))


def _rows(job: Job, data: "xr.Dataset", variables: Sequence[str]) -> Labelled:
    """Take the first objects that have data."""
    kept = np.flatnonzero(usable(data["status"].to_numpy()))[:SHOWN]
    if not len(kept):
        raise ConfigurationError(
            f"no row of the product in {job.output} has data yet: run the job first, so that the model can be tried"
        )
    return select_rows(job, data, variables, kept)


def _draft(
    family: type[Adopted], rows: Labelled, product: str, keys: dict[str, Any], steps: Sequence[Step]
) -> Manifest:
    """Describe the model before it has been asked anything."""
    recipe: Recipe = rows.recipe(product, tuple(rows.source), **as_keys(steps))
    dims = {name: tuple(map(str, values.dims[1:])) for name, values in rows.source.items()}
    recipe = recipe.model_copy(update={"made": dict(rows.made), "dims": dims})
    unknown = {"dimensions": 1} if keys["outputs"] == "embedding" else {}
    return Manifest(kind=family.kind, variant=family.variant, recipe=recipe, **keys, **unknown)


def _with_outputs(draft: Adopted, used: Sequence[str], width: int, *, logits: bool) -> Manifest:
    """Record which outputs make the answer, and where the model came from."""
    manifest = draft.manifest
    steps: dict[str, float | int | str] = {**manifest.recipe.steps, OUTPUTS: json.dumps(list(used))}
    if manifest.outputs == "classes":
        steps[SCORES] = "logits" if logits else "probabilities"
    known: dict[str, Any] = {"recipe": manifest.recipe.model_copy(update={"steps": steps})}
    if draft.source is not None:
        takes = {port.name: {"shape": port.shape, "dtype": port.dtype} for port in draft.takes}
        origin = {"file": draft.source.name, "sha256": sha256(draft.source), "inputs": takes}
        known["training"] = {"adopted": origin}
    if manifest.outputs == "embedding":
        known["dimensions"] = width
    return Manifest.model_validate({**manifest.model_dump(), **known})
