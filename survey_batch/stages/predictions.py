"""The `predictions` product: a model's answer for every object."""

import json
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from survey_batch.config.classifiers import classifier_kind
from survey_batch.config.sections.cluster import GPU_PHASE, ClusterSection
from survey_batch.config.sections.models import PredictionsSection
from survey_batch.config.sections.training_base import TrainingSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.models.artifact import check_folder, classifier_fingerprint, read_manifest
from survey_batch.models.awaited import awaits
from survey_batch.models.engines.installed import check_engine
from survey_batch.models.loading import load_classifier
from survey_batch.models.manifest import Manifest
from survey_batch.models.recipe import Recipe
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.stages.answers import Answers, answers_of
from survey_batch.stages.base import Block, Coordinates, Cost, Stage
from survey_batch.stages.context import Context
from survey_batch.stages.spectra import PIXELS
from survey_batch.store.damage import read_array
from survey_batch.store.products import open_group, product_exists
from survey_batch.store.schema import Array, Schema, Variable

if TYPE_CHECKING:
    from survey_batch.models.base import Classifier

FRAMEWORK_START_SECONDS = 15.0
"""Estimated time to import TensorFlow and load and compile a small ensemble, on all workers at the same time."""

FRAMEWORK_BYTES = 700_000_000
"""Memory of TensorFlow with a small model, as seen on Linux."""

COPIES_OF_INPUT = 3
"""Copies of an upstream shard in memory: the shard, the prepared input, and intermediate results."""


class PredictionsStage(Stage):
    """Stage that runs a classifier over every object; its manifest names the product it works on."""

    name = "predictions"
    phase = "predict"
    in_steps = True
    gpu = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.section = context.table(PredictionsSection)
        self.folder = self.section.classifier

    @property
    def upstream(self) -> str:  # type: ignore[override]
        """The product that the classifier works on.

        Raises
        ------
        ConfigurationError
            No stage of the job before this one makes it.
        """
        product, before = self._recipe.product, self.context.before
        if product in before:
            return product
        possible = product in self.context.possible
        advice = f"add {product!r} to stages, before {self.name!r}" if possible else "choose another classifier"
        raise ConfigurationError(
            f"the classifier {self.folder} works on the product {product!r}, which the job does not make (survey "
            f"{self.context.origin.survey.name!r}, stages {[*before, self.name]}); {advice}"
        )

    @property
    def input_variables(self) -> tuple[str, ...]:  # type: ignore[override]
        """Variables of the upstream product that the classifier reads."""
        return self._recipe.variables

    def settings(self) -> dict[str, Any]:
        """Return the upstream product's settings, the classifier by its content, and the threshold if there is one."""
        return {**self._upstream_stage().settings(), **self.own_settings()}

    def own_settings(self) -> dict[str, Any]:
        """Return the settings of the classifier and of its run, without those of the upstream product."""
        settings = {
            "predictions.classifier": classifier_fingerprint(self.folder),
            "predictions.batch": self.section.batch,
        }
        if self.section.precision != "float32":
            settings["predictions.precision"] = self.section.precision
        if self.section.engine != "keras":
            settings["predictions.engine"] = self.section.engine
        return {**settings, "predictions.threshold": self.section.threshold} if self.section.threshold else settings

    def sizes(self) -> dict[str, int]:
        """Return the number of classes, quantities or dimensions."""
        return self._answers.sizes()

    def variables(self) -> tuple[Variable, ...]:
        """Return the arrays of the model's kind of answer."""
        return self._answers.variables()

    def schema(self, size: int, fitted: Coordinates | None = None) -> Schema:
        """Fix the product's shape; its attribute `classifier` identifies the classifier, in JSON."""
        about = self._manifest.model_dump(mode="json", exclude={"recipe", "files"})
        return replace(super().schema(size, fitted), attrs={"classifier": json.dumps(about)})

    def coordinates(self) -> Coordinates:
        """Return the names of the classes or quantities."""
        return self._answers.coordinates()

    def check(self) -> None:
        """Refuse a classifier that is damaged, unknown here, or trained on a product made differently."""
        check_folder(self.folder)
        upstream = self._upstream_stage()
        schema = upstream.schema(1)
        shapes = {variable.name: schema.shape(variable, 1)[1:] for variable in schema.variables}
        made = {name: np.asarray(values) for name, (_, values, _) in upstream.coordinates().items()}
        self._recipe.check_product({**made, **self._stored(set(made))}, shapes)
        self._recipe.check_made(upstream.settings())
        self._recipe.check_basis(upstream.basis())
        self._check_keys_of_networks()
        check_engine(self.section.engine, self.section.precision)
        if self.section.engine != "keras" and self.context.table(ClusterSection).for_phase(GPU_PHASE).wants_gpu:
            raise ConfigurationError(
                f'predictions.engine = "{self.section.engine}" computes on the CPU, and the job asks for GPUs: remove '
                "the key, or what asks for them in [cluster] or [cluster.gpu]"
            )
        if self.section.threshold and self._manifest.outputs != "classes":
            what = "an embedding" if self._manifest.outputs == "embedding" else self._manifest.outputs
            raise ConfigurationError(
                f"predictions.threshold is a least confidence in a class, and {self.folder} answers with {what}; "
                "remove the key"
            )

    def _check_keys_of_networks(self) -> None:
        """Refuse the keys that only a network that Keras reads can follow."""
        framework = self._manifest.framework
        keys = {"precision": (self.section.precision, "float32"), "engine": (self.section.engine, "keras")}
        for key, (value, default) in keys.items():
            if value == default or framework == "keras":
                continue
            if framework is None:
                raise ConfigurationError(
                    f'predictions.{key} = "{value}" is for networks, and {self.folder} holds none; remove the key'
                )
            other = ", or export the model in half precision and adopt it again" if key == "precision" else ""
            raise ConfigurationError(
                f"an ONNX file runs on ONNX Runtime in the precision it was exported in, so predictions.{key} does not "
                f"change {self.folder}; remove the key{other}"
            )

    def prepare(self, inputs: Rows) -> Rows:
        """Make the network's input while another shard computes."""
        return self._classifier().prepared(inputs)

    def compute(self, rows: Rows, inputs: Rows) -> Block:
        """Ask the model about all objects of a block; one with too little data gets no answer."""
        block, classifier = self.empty_block(len(rows["ra"])), self._classifier()
        answers = classifier.predict_prepared(inputs, self.section.batch, rows["index_in_shard"])
        known = np.asarray(np.isfinite(answers).all(axis=1))
        self._answers.fill(block, answers, known)
        for row in np.flatnonzero(~known):
            block.fail(int(row), Status.UNREADABLE, classifier.why_not, self.folder)
        return block

    def cost(self, plan: Plan) -> Cost:
        """Estimate a shard of the upstream product and the framework."""
        upstream = self._upstream_stage()
        shard = min(self.context.shard_rows, plan.size("object")) * upstream.schema(1).row_nbytes
        longer = max(upstream.sizes().get("wavelength", 0) / PIXELS, 1.0)  # seconds are of the default grid
        manifest = self._manifest
        kind = classifier_kind(manifest.kind)
        seconds = kind.seconds.get(manifest.variant)
        return Cost(
            process_bytes=FRAMEWORK_BYTES,
            worker_bytes=COPIES_OF_INPUT * shard,
            cpu_seconds=plan.size("object") * (seconds or 0.0) * longer,
            start_seconds=FRAMEWORK_START_SECONDS,
            unknown="" if seconds else self._unknown(its_own=not kind.trained_here),
        )

    def _unknown(self, *, its_own: bool) -> str:
        """Say what time is not known, and how to find it out."""
        manifest = self._manifest
        why = ", which depends on the model" if its_own else ""
        return (
            f"what {self.folder} ({manifest.variant} of kind {manifest.kind}) takes for an object{why} (run some, with "
            "catalog.sample.total: the report has the CPU time)"
        )

    def _classifier(self) -> "Classifier[Any]":
        if self._manifest.framework:
            self.context.prepare_gpu(self._manifest.framework)
        return load_classifier(self.folder, self.section.precision, self.section.engine)

    @cached_property
    def _manifest(self) -> Manifest:
        """The classifier's manifest; reading it imports no framework."""
        if awaits(self.folder, self.context.find(TrainingSection)):
            raise ConfigurationError(
                f"there is no classifier in {self.folder} yet, and the table [train] says how to make it: "
                "survey-batch run --train trains it before it predicts"
            )
        return read_manifest(Path(self.folder))

    @cached_property
    def _answers(self) -> Answers:
        return answers_of(self._manifest, self.section.threshold)

    @property
    def _recipe(self) -> Recipe:
        return self._manifest.recipe

    def _upstream_stage(self) -> Stage:
        return self.other(self.upstream)

    def _stored(self, names: set[str]) -> dict[str, Array]:
        """Return coordinates of an existing upstream product, which another version may have made."""
        if not product_exists(self.context.output, self.upstream):
            return {}
        group = open_group(self.context.output, self.upstream)
        return {name: read_array(group, name) for name in names & set(group.array_keys())}
