"""The sums for principal components of a dataset of spectra, as a run makes them of its product."""

from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.core.threads import one_thread
from survey_batch.core.wording import counted
from survey_batch.stages.base import fit_groups
from survey_batch.stages.component_fit import Chosen, Part, Sample, draw_sample, sum_up
from survey_batch.stages.spectral_features import SpectralFeaturesStage

if TYPE_CHECKING:
    import xarray as xr

BESIDE_SPECTRA = ("status", "split", "object_id")
"""Variables that say which spectra count, if a dataset has them."""


def sum_lazily(stage: SpectralFeaturesStage, ds: "xr.Dataset") -> Any:
    """Return a Dask object with the sums over all spectra that count; its parts are those of a run with such shards.

    Raises
    ------
    ConfigurationError
        More components are asked for than there are pixels, or none.
    """
    import dask

    number, pixels = stage.section.components, stage.wavelength.size
    if not 1 <= number <= pixels:
        raise ConfigurationError(
            f"principal_components: number is {number}, and spectra have {counted(pixels, 'pixel')}: use 1 to {pixels}"
        )
    sample, merge, summed = _sample_of(stage, ds), dask.delayed(Part.merge), dask.delayed(one_thread()(sum_up))
    edges = np.cumsum([0, *ds.chunksizes.get("object", (ds.sizes["object"],))])
    blocks = [ds.isel(object=slice(*ends)) for ends in pairwise(edges)]
    chosen = [dask.delayed(_chosen_of)(stage, block, sample) for block in blocks]
    if sample:
        parts = [summed(group, sample) for group in fit_groups(chosen)]
    else:
        parts = [reduce(merge, group) for group in fit_groups([summed([one], None) for one in chosen])]
    return reduce(merge, parts)


def _sample_of(stage: SpectralFeaturesStage, ds: "xr.Dataset") -> Sample | None:
    """Choose as a run does, from all objects that are not `invalid`; all where objects have no names."""
    if "object_id" not in ds.variables:
        return None
    columns = _columns(ds[[name for name in BESIDE_SPECTRA if name in ds.variables]])
    split, counting = columns["split"].astype(object), columns["status"] != Status.INVALID
    has_split = bool(np.any(split != ""))
    object_id = columns["object_id"][counting & ((split == "train") | (not has_split))]
    return draw_sample(pa.array(object_id.astype(object), pa.string()), stage.section.sample, has_split)


@one_thread()
def _chosen_of(stage: SpectralFeaturesStage, block: "xr.Dataset", sample: Sample | None) -> Chosen:
    columns = _columns(block)
    return stage.chosen_of(columns, columns["status"], sample)


def _columns(block: "xr.Dataset") -> dict[str, Any]:
    columns = {str(name): values.values for name, values in block.variables.items()}
    split = columns.get("split", np.full(block.sizes["object"], "", object))
    status = columns.get("status", np.full(block.sizes["object"], Status.OK, np.uint8))
    return {**columns, "split": split, "status": status.astype(np.uint8)}
