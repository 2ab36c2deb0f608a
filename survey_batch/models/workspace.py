"""The folder from which a training resumes after a stop, and the folder of the trained classifier."""

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import write_json
from survey_batch.models.artifact import BESIDE, read_manifest, sha256, versions
from survey_batch.models.base import Classifier
from survey_batch.models.fitting import Workspace
from survey_batch.models.loading import load_classifier
from survey_batch.models.manifest import MANIFEST
from survey_batch.store.lock import LOCK, locked

KEY = "training.json"
TRAINED, HISTORY = "trained", "history.json"
"""The folder of a classifier without a fitted temperature, and the last file written to it."""

PARTS = ("test", "cross_validation")
"""Parts of the scores, on objects not used to train the model that predicts them; the first part present gives the
confusion plot."""

WRITTEN = sorted(BESIDE - {HISTORY})
"""Files of a classifier's folder besides its weights."""

REPORTING = frozenset({"folds", "prior"})
"""Keys of [train] that change no weight."""


def settings_fingerprint(section: TrainingSection, training: dict[str, Any]) -> str:
    """Compute the SHA-256 of all that decides a training's result: settings, files they name, data, versions."""
    settings = section.model_dump(mode="json", exclude=set(REPORTING))
    files = {key: _contents(value) for key, value in settings.items() if key != "classifier"}
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    text = json.dumps([settings, files, training, versions(section.kind), backend], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _contents(value: Any) -> list[str]:
    """Compute the SHA-256 of each file that a setting names, itself or in a folder; nothing for other settings."""
    names = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    paths = [Path(name) for name in names if isinstance(name, str) and os.path.exists(name)]  # noqa: PTH110 - odd text
    files = [sorted(path.rglob("*")) if path.is_dir() else [path] for path in paths]
    return [sha256(file) for group in files for file in group if file.is_file()]


@contextmanager
def opened(classifier: Path, fingerprint: str, report: Callable[[str], None]) -> Iterator[Workspace]:
    """Open the workspace `<classifier>.training`; clear it if it belongs to another training, remove it at the end.

    After an error or Ctrl-C it stays, and the same training resumes from it.

    Raises
    ------
    ConfigurationError
        The folder holds something else, or another process trains there.
    """
    folder = classifier.with_name(f"{classifier.name}.training")
    key = folder / KEY
    if folder.exists() and any(folder.iterdir()) and not key.exists():
        raise ConfigurationError(
            f"{folder} is for a training's checkpoints, but holds something else: move it away, or choose "
            "another train.classifier"
        )
    with locked(str(folder), what="training"):
        if key.exists() and key.read_text(encoding="utf-8") != fingerprint:
            report(f"{folder} belongs to another training; starting again from the beginning")
            for old in (path for path in folder.iterdir() if not path.name.lstrip(".").startswith(LOCK)):
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        key.write_text(fingerprint, encoding="utf-8")
        yield Workspace(folder, report)
        # It goes under another name while the lock is held: the next training may take a lock in a new folder at once.
        done = folder.rename(folder.with_name(f".{folder.name}.{uuid.uuid4().hex}"))
    shutil.rmtree(done)


def trained_once(workspace: Workspace, fit: Callable[[], Classifier[Any]]) -> tuple[Classifier[Any], float | None]:
    """Train and store the classifier in the workspace, or load the one that an earlier start stored there.

    Returns
    -------
    classifier
    seconds : float or None
        Time that training took; None if the classifier was loaded.
    """
    if workspace.folder is None:
        raise ValueError("a workspace in memory keeps nothing")
    folder = workspace.folder / TRAINED
    if (folder / HISTORY).exists():
        workspace.report("the classifier itself is already trained, and is kept")
        classifier = load_classifier(folder)
        classifier.history = json.loads((folder / HISTORY).read_text(encoding="utf-8"))
        return classifier, None
    begun = time.monotonic()
    classifier = fit()
    seconds = time.monotonic() - begun
    classifier.save(folder)
    write_json(str(folder / HISTORY), classifier.history)
    return classifier, seconds


def write_folder(classifier: Classifier[Any], scores: dict[str, Any], folder: Path) -> None:
    """Write a trained classifier with its scores and plots; remove the files of an earlier one."""
    from survey_batch.models.judging import judge_of_model
    from survey_batch.models.plots import training_plot

    judge = judge_of_model(classifier.manifest, "as_found")
    named = {part.replace("_", " "): scores[part]["classifier"] for part in PARTS if part in scores}
    figures = {part: judge.brief(scores[part]) for part in PARTS if part in scores}
    classifier.manifest = classifier.manifest.model_copy(update={"metrics": figures})
    clear_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "metrics.json").write_text(json.dumps(scores, indent=2) + "\n", encoding="utf-8")
    classifier.save(folder)
    if named:
        judge.draw(named, folder)
    if classifier.history:
        held_out = classifier.history.get("val_loss")
        best = int(np.argmin(held_out)) if held_out else None
        training_plot(classifier.history, folder / "training-curve.png", best)
    classifier.list_files(folder, [name for name in WRITTEN if (folder / name).exists() and name != MANIFEST])


def clear_folder(folder: Path) -> None:
    """Remove the files of an earlier classifier from its folder, and nothing else."""
    weights = list(read_manifest(folder).files) if (folder / MANIFEST).exists() else []
    for name in (*WRITTEN, *weights):
        (folder / name).unlink(missing_ok=True)
