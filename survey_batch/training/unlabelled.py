"""Training of a model without labels: what it is held to is how well it restores objects that it has not seen."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from survey_batch.config.job import Job
from survey_batch.config.sections.train_embedding import EmbeddingTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted
from survey_batch.models.base import Classifier
from survey_batch.models.cross_validation import hold_out
from survey_batch.models.fitted import valid_part
from survey_batch.models.labelled import Labelled
from survey_batch.models.reconstruction import reconstruction_scores
from survey_batch.models.spectrum_embedding import SpectrumEmbedding
from survey_batch.models.workspace import opened, settings_fingerprint, trained_once, write_folder
from survey_batch.training.labelled_rows import read_labelled

Report = Callable[[str], None]

OBJECTS_OF_A_DIMENSION = 4
"""With fewer objects for each dimension there is nothing to learn."""


def train_unlabelled(
    job: Job, section: EmbeddingTraining, family: type[Classifier[Any]], progress: Report, report: Report
) -> dict[str, Any]:
    """Train a model without labels and write its folder.

    Objects of split `test` are held out or, where there are none, those of a seventh of the stars. All others are
    trained on, in a split or not, but for those of split `validation` if `train.patience` is set.

    Parameters
    ----------
    job, section, family
        A job that has run the stage of the product, its table [train], and the class of its kind.
    progress, report
        As in `train`.

    Returns
    -------
    dict
        `dimensions`, `training` and `reconstruction`: see `survey_batch.models.reconstruction`.
    """
    data = read_labelled(job, family.product_of(section), family.variables_of(section), labels=False)
    data = valid_part(family, data, family.recipe_of(data, section))
    if len(data) < (least := OBJECTS_OF_A_DIMENSION * section.dimensions):
        raise ConfigurationError(
            f"{counted(len(data), 'object')} can be trained on; train.dimensions = {section.dimensions} takes {least} "
            f"at least: lower it, or list more objects; of those left out: {family.why_not}"
        )
    parts = _parts(data, section)
    training = {
        "fingerprint": parts["train"].fingerprint(),
        "objects": {name: part.counts() for name, part in parts.items()},
        "stars": len(np.unique(data.star)),
    }
    progress(f"training on {counted(len(parts['train']), 'object')}, {len(np.unique(parts['train'].star)):,} distinct")
    with opened(Path(section.classifier), settings_fingerprint(section, training), report) as workspace:
        model, _ = trained_once(
            workspace,
            lambda: family.fit(parts["train"], section, validation=parts["validation"], workspace=workspace),
        )
        assert isinstance(model, SpectrumEmbedding)  # noqa: S101 - the family's
        progress(f"testing on {counted(len(parts['test']), 'object')}")
        scores = reconstruction_scores(model, parts["train"], parts["test"])
        recipe = model.recipe.model_copy(update={"made": dict(data.made)})
        training["reconstruction"] = scores
        model.manifest = model.manifest.model_copy(update={"recipe": recipe, "training": training})
        found = {"dimensions": section.dimensions, "training": training, "reconstruction": scores}
        write_folder(model, found, Path(section.classifier))
    progress(f"the classifier is in {section.classifier}")
    return found


def _parts(data: Labelled, section: EmbeddingTraining) -> dict[str, Labelled]:
    """Divide the objects; labels must not matter, so that relabelled objects give the same model."""
    data = replace(data, label=np.zeros(len(data), "U1"))
    test, validation = data.of_split("test"), data.of_split("validation")
    train = data.take(~np.isin(data.split, ["test", "validation"] if section.patience else ["test"]))
    if not len(test):
        train, test = hold_out(train, section.seed)
    if not section.patience:
        validation = validation.take(np.zeros(0, np.intp))
    elif not len(validation):
        train, validation = hold_out(train, section.seed)
    return {"train": train, "validation": validation, "test": test}
