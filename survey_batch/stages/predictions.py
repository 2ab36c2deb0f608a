"""The `predictions` product: a trained classifier's probabilities for every object."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from survey_batch.classifiers.base import classifier_fingerprint, load_classifier, read_manifest
from survey_batch.classifiers.manifest import Manifest
from survey_batch.errors import ConfigurationError
from survey_batch.plan import Plan, Rows
from survey_batch.products import Shard, Variable, open_product
from survey_batch.stages.base import Block, Coordinates, Cost, Stage
from survey_batch.stages.spectra import SpectraStage
from survey_batch.status import Status

PREDICTION_CPU_SECONDS = 5e-3
"""An ensemble's answer for one spectrum; an estimate."""

FRAMEWORK_START_SECONDS = 15.0
"""Importing TensorFlow, loading and compiling a small ensemble, on each worker at the same time; an estimate."""

FRAMEWORK_BYTES = 700_000_000
"""TensorFlow in memory with a small model, as seen on Linux."""


class PredictionsStage(Stage):
    """Run a classifier over every object."""

    name = "predictions"
    phase = "predict"
    upstream = "spectra"
    needs = ("flux", "ivar", "mask", "redshift")
    fits = True

    @property
    def folder(self) -> str:
        """Where the classifier is."""
        if self.job.predictions is None:
            raise ConfigurationError("the job has no table [predictions]; it needs the key 'classifier'")
        return self.job.predictions.classifier

    def settings(self) -> dict[str, Any]:
        """The spectra's settings, and the classifier by its content."""
        content = {"predictions.classifier": classifier_fingerprint(self.folder)}
        return {**SpectraStage(self.job).settings(), **content, "predictions.batch": self._batch}

    def sizes(self) -> dict[str, int]:
        """Number of classes."""
        return {"class": len(self._manifest().classes)}

    def variables(self) -> tuple[Variable, ...]:
        """Probabilities, and the most probable class."""
        return (
            Variable(
                "probability",
                ("object", "class"),
                "f4",
                {"long_name": "calibrated probability", "units": "1"},
            ),
            Variable("predicted_class", ("object",), "string", {"long_name": "most probable class"}),
            Variable("confidence", ("object",), "f4", {"long_name": "its probability", "units": "1"}),
        )

    def coordinates(self) -> Coordinates:
        """Class names."""
        return {"class": (("class",), np.array(self._manifest().classes), {"long_name": "class"})}

    def fit(self, shards: Sequence[Shard]) -> Coordinates:  # noqa: ARG002
        """Learn nothing, but refuse spectra that were made otherwise than those trained on."""
        group = open_product(self.job.output, "spectra")
        self._manifest().recipe.check_coordinates({"wavelength": np.asarray(group["wavelength"])})
        return {}

    def compute(self, rows: Rows, inputs: Rows) -> Block:
        """Predict all objects of a block; a spectrum with too few good pixels has no probabilities."""
        block, classifier = self.empty_block(len(rows["ra"])), load_classifier(self.folder)
        probability = classifier.predict_proba(inputs, batch=self._batch)
        block.data["probability"][:] = probability
        for row in np.flatnonzero(known := np.isfinite(probability).all(axis=1)):
            block.data["predicted_class"][row] = classifier.classes[int(np.argmax(probability[row]))]
        block.data["confidence"][known] = probability[known].max(axis=1)
        for row in np.flatnonzero(~known):
            block.fail(int(row), Status.UNREADABLE, "too few good pixels to be classified", self.folder)
        return block

    def cost(self, plan: Plan) -> Cost:
        """A shard of spectra, and the framework."""
        objects = min(self.job.shards.objects, plan.size("object"))
        memory = FRAMEWORK_BYTES + objects * SpectraStage(self.job).sizes()["wavelength"] * 30
        cpu = plan.size("object") * PREDICTION_CPU_SECONDS
        return Cost(worker_bytes=memory, cpu_seconds=cpu, start_seconds=FRAMEWORK_START_SECONDS)

    @property
    def _batch(self) -> int:
        return self.job.predictions.batch if self.job.predictions else 1

    def _manifest(self) -> Manifest:
        """What the classifier says of itself; reading it imports no framework."""
        return read_manifest(Path(self.folder))
