"""The `features` product of spectra: lines, bands, colours, block statistics and principal components."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, reduce
from typing import Any, cast

import numpy as np
import pyarrow.compute as pc
import zarr

from survey_batch.config.sections.spectra import SpectralFeaturesSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.feature import Feature
from survey_batch.core.wording import counted
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.spectra.features import features_of, prepare, spectral_features
from survey_batch.spectra.grid import step_of
from survey_batch.spectra.lines import LARGEST_STEP
from survey_batch.spectra.pca import PCA
from survey_batch.stages.base import Block, Coordinates, Cost, fit_groups
from survey_batch.stages.component_fit import (
    SPECTRUM,
    Chosen,
    Part,
    Sample,
    counting_objects,
    draw_sample,
    read_shard,
    sum_up,
    which_count,
)
from survey_batch.stages.context import Context
from survey_batch.stages.measured import MeasuredStage
from survey_batch.stages.spectra import PIXELS, SpectraStage
from survey_batch.store.damage import Damage, DamagedError, damage_told, read_attribute
from survey_batch.store.products import PROVENANCE, open_group, product_exists
from survey_batch.store.schema import Array, Shard

FEATURES_CPU_SECONDS = 2.5e-4
"""To read, measure and write a spectrum of `PIXELS` pixels (measured: 190 us without components, which take 50;
`benchmarks.line_indices`)."""

SUM_CPU_SECONDS = 4.5e-4
"""To read, prepare and sum up one of the spectra that components are fitted to (`benchmarks.line_indices`)."""

FIT_SECONDS = 8.0
"""Time for the eigenvectors of the covariance of `PIXELS` pixels (measured: 6 to 7 s on one core), without the sums."""

SPECTRUM_BYTES = 60
"""Memory for a pixel of a spectrum that is measured: several copies."""

MOMENTS_AT_ONCE = 4
"""Packed triangles in memory: two and their sum, or the total, one shard's, and the square of that shard."""

BASIS, SAMPLE = "spectral_features.basis", "spectral_features.sample"


class SpectralFeaturesStage(MeasuredStage):
    """Stage that measures each spectrum."""

    name = "features"
    upstream = "spectra"
    input_variables = (*SPECTRUM, "redshift")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.section = context.table(SpectralFeaturesSection)
        self.requires_fit = bool(self.section.components) and self.section.basis is None
        self.pca: PCA | None = None
        """Principal components to use instead of those stored in the product."""

    @property
    def spectra(self) -> SpectraStage:
        """The stage that makes the spectra."""
        return cast("SpectraStage", self.other("spectra"))

    def settings(self) -> dict[str, Any]:
        """Return the spectra's settings and the recipe."""
        keys = self.section.model_dump(exclude={"keep", "basis", "sample"})
        recipe = {f"spectral_features.{key}": value for key, value in keys.items()}
        basis = {BASIS: self._given_pca.fingerprint} if self._given_pca else {}
        return {**self.spectra.settings(), **recipe, **basis}

    def check(self) -> None:
        """Refuse what the grid is too coarse or too short for, and components of other spectra."""
        if (self.section.lines or self.section.indices) and (step := step_of(self.wavelength)) > LARGEST_STEP:
            raise ConfigurationError(
                f"spectra.step is {step:g} dex, and lines and bands are measured in windows for steps of at most "
                f"{LARGEST_STEP:.2g}: set spectral_features.lines and indices to false, or spectra.step to less"
            )
        for key in ("blocks", "components", "smoothing_window"):
            if (asked := getattr(self.section, key)) > (pixels := self.wavelength.size):
                raise ConfigurationError(
                    f"spectral_features.{key} is {asked}, and spectra have {pixels} pixels between "
                    f"spectra.wavelength_min and wavelength_max: use {pixels} at most, or a wider range"
                )
        if self._given_pca is None:
            return
        wanted, found = (self.section.components, self.wavelength.size), self._given_pca.components.shape
        if found != wanted:
            raise ConfigurationError(
                f"spectral_features.basis {self.section.basis} has {found[0]} components of {found[1]} pixels, this "
                f"job wants {wanted[0]} of {wanted[1]}: set spectral_features.components and [spectra] as in that job"
            )
        product = open_group(str(self.section.basis), self.name)
        if wrong := self.misfit(np.asarray(product["wavelength"]), read_attribute(product, PROVENANCE)):
            raise ConfigurationError(f"the components of spectral_features.basis {self.section.basis} {wrong}")

    def misfit(self, wavelength: Array, made: Mapping[str, Any]) -> str:
        """Say why components were fitted to other spectra than these; empty if they were not.

        Parameters
        ----------
        wavelength, made
            The grid of the fit, and the settings as far as they are known.
        """
        if wavelength.shape != self.wavelength.shape or not np.allclose(wavelength, self.wavelength, rtol=1e-7, atol=0):
            return (
                f"were fitted from {wavelength[0]:.2f} to {wavelength[-1]:.2f} Angstrom, and these spectra go from "
                f"{self.wavelength[0]:.2f} to {self.wavelength[-1]:.2f}: use the wavelengths of the fit, or fit again"
            )
        smooth = self.section.smoothing_window > 1
        for key in ("normalization", "smoothing_window", *(["smoothing_order"] if smooth else [])):
            there, here = made.get(f"spectral_features.{key}"), getattr(self.section, key)
            if there not in (None, here):
                return (
                    f"were fitted to spectra prepared with {key} = {there!r}, and here it is {here!r}: set it as in "
                    "the fit, or fit again"
                )
        return ""

    def check_plan(self, plan: Plan) -> None:
        """Refuse more components than the objects allow: n spectra have n - 1 components."""
        if not self.requires_fit or product_exists(self.context.output, self.name):
            return
        chosen, has_split = counting_objects(plan)
        asked, spectra = self.section.components, int(pc.sum(chosen).as_py() or 0)
        if self.section.sample:
            spectra = min(spectra, self.section.sample)
        most = max(spectra - 1, 0)
        # The default must not stop a trial with ten objects.
        written = "components" in self.section.model_fields_set
        if most == 0 or (written and asked > most):
            raise ConfigurationError(
                f"spectral_features.components is {asked}, to be fitted to {counted(spectra, 'usable object')}"
                f"{' of split train' * has_split}: use {most}{' or fewer' * (most > 0)}"
            )

    def settings_for(self, plan: Plan) -> dict[str, Any]:
        """Add the size of the sample where the catalogue has more spectra than that.

        Of a product that was asked for the same sample, it counts what the catalogue had then: the split may change.
        """
        if (sampled := self._was_sampled()) is None:
            sampled = 0 < self.section.sample < int(pc.sum(counting_objects(plan)[0]).as_py() or 0)
        return {**self.settings(), **({SAMPLE: self.section.sample} if self.requires_fit and sampled else {})}

    def _was_sampled(self) -> bool | None:
        """Tell whether the stored components were fitted to a sample; None if there are none, or of another job."""
        if not product_exists(self.context.output, self.name):
            return None
        group = open_group(self.context.output, self.name)
        if read_attribute(group, "job").get("spectral_features", {}).get("sample") != self.section.sample:
            return None
        return SAMPLE in read_attribute(group, PROVENANCE)

    def fit_sample(self, plan: Plan) -> Sample | None:
        """Choose the spectra that the components are fitted to; None means all that count."""
        chosen, has_split = counting_objects(plan)
        return draw_sample(plan.objects["object_id"].filter(chosen), self.section.sample, has_split)

    def basis(self) -> str | None:
        """Return a fingerprint of the stored or named components; None if they are not fitted yet."""
        if not self.section.components:
            return None
        if product_exists(self.context.output, self.name):
            return stored_pca(open_group(self.context.output, self.name)).fingerprint
        return self._given_pca.fingerprint if self._given_pca else None

    def features(self) -> list[Feature]:
        """Return the features, in order."""
        return features_of(self.section)

    def fit(self, shards: Sequence[Shard], sample: Sample | None = None) -> Coordinates:
        """Learn from all shards in this process; the result is identical to that of a cluster, bit for bit."""
        parts = (self.fit_part(group, sample) for group in fit_groups(shards))
        return self.fit_end(reduce(lambda whole, part: self.fit_merge([whole, part]), parts))

    def fit_part(self, shards: Sequence[Shard], sample: Sample | None = None) -> Part:
        """Sum up the prepared spectra of the training split, or all spectra if no object has a split."""
        damages = list[Damage]()
        part = sum_up(self._read(shards, sample, damages), sample)
        if damages:
            raise DamagedError(self.context.output, damages)
        return part

    def _read(self, shards: Sequence[Shard], sample: Sample | None, damages: list[Damage]) -> Iterator[Chosen]:
        """Read what counts of each shard, and note what is damaged: others may be, too."""
        for shard in shards:
            try:
                yield self.chosen_of(*read_shard(self.context.output, shard, sample), sample)
            except DamagedError as error:
                damages += error.damages
                yield Chosen(False, np.empty((0, self.wavelength.size), np.float32))

    def chosen_of(self, columns: Rows, status: Array, sample: Sample | None = None) -> Chosen:
        """Prepare the spectra of a shard that count.

        Parameters
        ----------
        columns
            `flux`, `ivar`, `mask` and `split` of each object and, for a sample, `object_id`; without spectra that
            count, no flux, ivar and mask are needed.
        status, sample
            Of each spectrum, and what `fit_sample` chose.
        """
        chosen, has_split = which_count(columns, status, sample)
        if not chosen.any():
            return Chosen(has_split, np.empty((0, self.wavelength.size), np.float32))
        flux, ivar, mask = (columns[name][chosen] for name in SPECTRUM)
        return Chosen(has_split, prepare(flux, ivar, mask, self.section, step_of(self.wavelength)))

    def fit_merge(self, parts: Sequence[Part]) -> Part:
        """Add sums one after the other without changing them, so that a retried task adds each only once."""
        return reduce(Part.merge, parts)

    def fit_end(self, whole: Part) -> Coordinates:
        """Fit the principal components, which are stored in the product."""
        which = "spectra of the training split" if whole.split else "spectra, as no object has a split"
        attrs = {"fitted_to": f"{whole.moments.count} {which}", "spectra_used": whole.moments.count}
        return self._written(PCA.fit(whole.moments, self.section.components), attrs)

    def fixed_coordinates(self) -> Coordinates | None:
        """Return another product's components if the job names one."""
        return self._written(self._given_pca, {"fitted_to": f"{self.section.basis}"}) if self._given_pca else None

    def _written(self, pca: PCA, attrs: dict[str, Any]) -> Coordinates:
        return {
            "wavelength": (
                ("wavelength",),
                self.wavelength,
                {"long_name": "vacuum wavelength", "units": "angstrom"},
            ),
            "pca_mean": (
                ("wavelength",),
                pca.mean,
                {"long_name": "mean of the prepared spectra", "units": "1", **attrs},
            ),
            "pca_components": (
                ("component", "wavelength"),
                pca.components,
                {"long_name": "principal components", "units": "1", **attrs},
            ),
            "pca_variance": (
                ("component",),
                pca.variance,
                {"long_name": "variance along each component", "units": "1", **attrs},
            ),
            "pca_ratio": (
                ("component",),
                pca.ratio,
                {"long_name": "share of the variance along each component", "units": "1", **attrs},
            ),
        }

    def compute(self, rows: Rows, inputs: Rows) -> Block:
        """Measure all spectra of a block."""
        block = self.empty_block(len(rows["ra"]))
        flux, ivar, mask, redshift = (inputs[name] for name in self.input_variables)
        block.data["value"][:] = spectral_features(
            self.wavelength, flux, ivar, mask, redshift, self.section, self._stored_pca()
        )
        return block

    def cost(self, plan: Plan) -> Cost:
        """Estimate several copies of a shard's spectra."""
        objects = min(self.context.shard_rows, plan.size("object"))
        pixels = self.wavelength.size
        longer = max(pixels / PIXELS, 1.0)
        fitted = min(plan.size("object"), self.section.sample or plan.size("object")) if self.requires_fit else 0
        return Cost(
            worker_bytes=objects * pixels * SPECTRUM_BYTES + self._moment_bytes,
            cpu_seconds=plan.size("object") * FEATURES_CPU_SECONDS * longer + fitted * SUM_CPU_SECONDS * longer**2,
            start_seconds=FIT_SECONDS * longer**3 if self.requires_fit else 0.0,
        )

    @property
    def _moment_bytes(self) -> int:
        return MOMENTS_AT_ONCE * 4 * self.wavelength.size**2 if self.section.components else 0

    @property
    def less_memory(self) -> str:
        """The number of components where they take most of the memory, because smaller shards would not help."""
        pixels = self.wavelength.size
        if self._moment_bytes < 2 * self.context.shard_rows * pixels * SPECTRUM_BYTES:
            return super().less_memory
        return f"spectral_features.components to 0 (they take memory as the square of {pixels:,} pixels)"

    @property
    def wavelength(self) -> Array:
        """The spectra's wavelength grid."""
        return self.spectra.wavelength()

    def _stored_pca(self) -> PCA | None:
        if self.pca is not None or not self.section.components:
            return self.pca
        return stored_pca(open_group(self.context.output, self.name, fresh=False))

    @cached_property
    def _given_pca(self) -> PCA | None:
        output = self.section.basis
        if output is None or not self.section.components:
            return None
        try:
            return stored_pca(open_group(output, self.name))
        except (FileNotFoundError, KeyError) as error:
            raise ConfigurationError(
                f"spectral_features.basis {output} has no product 'features' with principal components; name the "
                "output of a job that has one, such as the one the classifier was trained on"
            ) from error


def stored_pca(product: zarr.Group) -> PCA:
    """Read the principal components of a product; raise DamagedError if they are not what was written."""
    with damage_told(product, [name for name in sorted(product.array_keys()) if name.startswith("pca_")]):
        return PCA.stored(product)
