"""The `features` product of spectra: line indices, block statistics and principal components."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from survey_batch.plan import Plan, Rows
from survey_batch.products import Array, Shard, Variable, open_product, read_rows, read_status
from survey_batch.spectra.features import feature_names, prepare, spectral_features
from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.pca import PCA, Moments
from survey_batch.stages.base import Block, Coordinates, Cost, Stage, take
from survey_batch.stages.spectra import SpectraStage
from survey_batch.status import usable

FEATURES_CPU_SECONDS = 1.5e-3
"""Measuring one spectrum; an estimate."""

FIT_SECONDS = 8.0
"""Eigenvectors of the covariance of 3909 pixels (measured: 6 to 7 s on one core); summing it comes on top."""

SPECTRUM = ("flux", "ivar", "mask")


class FeaturesStage(Stage):
    """Measure each spectrum."""

    name = "features"
    upstream = "spectra"
    needs = (*SPECTRUM, "redshift")
    fits = True

    def settings(self) -> dict[str, Any]:
        """The spectra's settings and the recipe."""
        recipe = {f"features.{key}": value for key, value in self.job.features.model_dump().items()}
        return {**SpectraStage(self.job).settings(), **recipe}

    def names(self) -> list[str]:
        """Feature names, in order."""
        return feature_names(self.job.features)

    def sizes(self) -> dict[str, int]:
        """Number of features."""
        return {"feature": len(self.names())}

    def variables(self) -> tuple[Variable, ...]:
        """One value per object and feature."""
        return (Variable("value", ("object", "feature"), "f4", {"long_name": "measured value of each feature"}),)

    def coordinates(self) -> Coordinates:
        """Feature names."""
        return {"feature": (("feature",), np.array(self.names()), {"long_name": "feature"})}

    def fit(self, shards: Sequence[Shard]) -> Coordinates:
        """Fit the principal components to the training split alone, in one pass over its spectra.

        Where no object has a split, all are used. The components are stored in the product.
        """
        if not self.job.features.components:
            return {}
        output = self.job.output
        trained = self._training_rows(shards)
        moments = Moments.empty(self.wavelength.size)
        for shard in shards:
            if np.any(chosen := trained[shard.rows]):
                rows = read_rows(output, "spectra", shard.rows, SPECTRUM)
                moments.add(self._prepared(take(rows, chosen)))
        pca = PCA.fit(moments, self.job.features.components)
        attrs = {"fitted_to": f"{int(trained.sum())} spectra of the training split"}
        return {
            "wavelength": (
                ("wavelength",),
                self.wavelength,
                {"long_name": "vacuum wavelength", "units": "Angstrom"},
            ),
            "pca_mean": (("wavelength",), pca.mean, {"long_name": "mean prepared spectrum", **attrs}),
            "pca_components": (
                ("component", "wavelength"),
                pca.components,
                {"long_name": "components", **attrs},
            ),
            "pca_variance": (
                ("component",),
                pca.variance,
                {"long_name": "variance along each component", **attrs},
            ),
        }

    def compute(self, rows: Rows, inputs: Rows) -> Block:
        """Measure all spectra of a block."""
        block = self.empty_block(len(rows["ra"]))
        flux, ivar, mask, redshift = (inputs[name] for name in self.needs)
        block.data["value"][:] = spectral_features(
            self.wavelength, flux, ivar, mask, redshift, self.job.features, self._stored_pca()
        )
        return block

    def cost(self, plan: Plan) -> Cost:
        """Spectra of a shard, several times over."""
        objects = min(self.job.shards.objects, plan.size("object"))
        pixels = self.wavelength.size
        moments = 2 * 8 * pixels**2 if self.job.features.components else 0
        return Cost(
            worker_bytes=objects * pixels * 60 + moments,
            cpu_seconds=plan.size("object") * FEATURES_CPU_SECONDS,
            start_seconds=FIT_SECONDS if self.job.features.components else 0.0,
        )

    @property
    def wavelength(self) -> Array:
        """The spectra's grid."""
        return log_grid(self.job.spectra.wavelength_min, self.job.spectra.wavelength_max)

    def _prepared(self, rows: Rows) -> Array:
        return prepare(rows["flux"], rows["ivar"], rows["mask"], self.job.features)

    def _training_rows(self, shards: Sequence[Shard]) -> Array:
        output, everything = self.job.output, slice(0, shards[-1].stop)
        good = usable(read_status(output, "spectra"))
        split = read_rows(output, "spectra", everything, ["split"])["split"].astype(object)
        return good & (split == "train") if np.any(split != "") else good

    def _stored_pca(self) -> PCA | None:
        if not self.job.features.components:
            return None
        group = open_product(self.job.output, self.name, fresh=False)
        return PCA(*(_values(group, f"pca_{name}") for name in ("mean", "components", "variance")))


def _values(group: Any, name: str) -> Array:
    return np.asarray(group[name])
