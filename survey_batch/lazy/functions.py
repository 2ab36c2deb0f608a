"""The batch's kernels on datasets in a notebook: nothing is computed until it is needed, and nothing is written.

Each function takes a product as `open_product` returns it, or any dataset with the same variables. It returns a dataset
like the product that a job would store, computed by the same code. Measurements equal the job's bit for bit. So do
predictions if the blocks are the job's shards, as from `open_product`; otherwise they agree to 1e-6. For a Dask-backed
dataset the result is a Dask graph with one task per block of objects. It can be passed to the next function, sliced,
plotted or saved with xarray. Its attribute `made_with` gives the settings with which it was made, including those of
the input, as far as they are known.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from survey_batch.config.sections.cluster import ClusterSection
from survey_batch.config.sections.models import PredictionsSection
from survey_batch.core.arguments import DATASET, PATH, WHOLE, takes
from survey_batch.core.arrays import TEXT
from survey_batch.core.environment import compute_like_a_worker
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status, usable
from survey_batch.core.threads import one_thread
from survey_batch.lazy.component_fit import sum_lazily
from survey_batch.lazy.datasets import check_made, finished, made_from, made_of
from survey_batch.lazy.inputs import OWN, in_order, needed, there
from survey_batch.lazy.stages import image_stage, in_notebook, spectral_stage, valid
from survey_batch.spectra.pca import PCA
from survey_batch.stages import Stage
from survey_batch.stages.base import take
from survey_batch.stages.predictions import PredictionsStage
from survey_batch.stages.spectral_features import BASIS
from survey_batch.store.schema import Variable

if TYPE_CHECKING:
    import xarray as xr


@takes(cutouts=DATASET)
def composites(cutouts: "xr.Dataset", **settings: Any) -> "xr.Dataset":
    """Make colour images of cutouts.

    Parameters
    ----------
    cutouts
        With `flux(object, band, y, x)` [nanomaggy/pixel] and the coordinate `band`.
    **settings
        Keys of the job's table `[composites]`, for example `bands="irg"`, `scaling="percentile"`, `size=224`.

    Returns
    -------
    xarray.Dataset
        Like the product `composites`: `image(object, y, x, channel)` u1.

    Raises
    ------
    ConfigurationError
        A setting is wrong, or the dataset lacks what is needed.
    """
    stage = _checked(image_stage("composites", cutouts, settings))
    return apply(stage, cutouts, stage.settings())


@takes(ds=DATASET)
def features(ds: "xr.Dataset", components: "xr.Dataset | None" = None, **settings: Any) -> "xr.Dataset":
    """Measure spectra or cutouts.

    Parameters
    ----------
    ds
        A product `spectra` (with dimension `wavelength`) or `cutouts` (with dimension `band`). Your own dataset needs
        the following. Spectra: `flux`, `ivar` and `mask` (object, wavelength), `redshift` (object), NaN where it is not
        known, and the coordinate `wavelength`, a log10 grid as in the product. Cutouts: `flux` (object, band, y, x)
        [nanomaggy/pixel]; `x_object` and `y_object` (object, band), the object's position in pixels from 0;
        `aperture_correction` and `psf_fwhm` (object, band), 1 and NaN where they are not known; and the coordinate
        `band`. Of cutouts, `ivar` and `mask`, shaped like `flux`, are used if they are there.
    components
        For spectra: a dataset with principal components, such as the product `features` of a job or the result of
        `principal_components`. Without it, there are no principal components in the result.
    **settings
        Keys of the job's table `[spectral_features]` (spectra) or `[image_features]` (cutouts).

    Returns
    -------
    xarray.Dataset
        Like the product `features`: `value(object, feature)` f4.

    Raises
    ------
    ConfigurationError
        A setting is wrong, or the dataset lacks what is needed.
    """
    if "wavelength" not in ds.dims:
        measured = _checked(image_stage("features", ds, settings))
        return apply(measured, ds, measured.settings())
    number = 0 if components is None else _number_of(components)
    stage = spectral_stage(ds, {**settings, "components": number})
    stage.check()
    if components is None:
        return apply(stage, ds, stage.settings())
    fitted_on = np.asarray(components["wavelength"]) if "wavelength" in components.variables else stage.wavelength
    if wrong := stage.misfit(fitted_on, made_of(components) or {}):
        raise ConfigurationError(f"components {wrong}")
    stage.pca = PCA.stored(components)
    return apply(stage, ds, {**stage.settings(), BASIS: stage.pca.fingerprint})


def _checked(stage: Stage) -> Stage:
    stage.check()
    return stage


def _number_of(components: Any) -> int:
    if "pca_components" not in getattr(components, "variables", ()):
        raise ConfigurationError(
            "components must be a dataset with principal components: the product 'features' of spectra, or what "
            "principal_components(spectra, 20) returns"
        )
    return int(components.sizes["component"])


@takes(spectra=DATASET, number=WHOLE)
def principal_components(spectra: "xr.Dataset", number: int = 20, **settings: Any) -> "xr.Dataset":
    """Fit principal components to spectra of the training split, or to all if there is none, in one pass.

    Parameters
    ----------
    spectra
        A product `spectra`. To equal the job's result bit for bit, it must be chunked by the shards of its job, as
        `open_product` does.
    number
        Number of components.
    **settings
        Keys of the job's table `[spectral_features]`.

    Returns
    -------
    xarray.Dataset
        `pca_mean`, `pca_components`, `pca_variance`, `pca_ratio` as in the product `features`.
    """
    import dask
    import xarray as xr

    stage = spectral_stage(spectra, {**settings, "components": number})
    given = in_order(needed(stage, spectra, "status", "split", "object_id"))
    (whole,) = dask.compute(sum_lazily(stage, given))
    fitted = xr.Dataset(dict(stage.fit_end(whole)))
    return finished(fitted, made_from(spectra, {**stage.settings(), BASIS: PCA.stored(fitted).fingerprint}))


@takes(ds=DATASET, classifier=PATH, batch=WHOLE)
def predict(
    ds: "xr.Dataset",
    classifier: str | Path,
    batch: int = 256,
    *,
    threshold: float = 0.0,
    unchecked: bool = False,
) -> "xr.Dataset":
    """Ask a model about objects.

    Parameters
    ----------
    ds
        The product that the classifier takes, or the result of another function of this module.
    classifier
        Folder of a trained classifier.
    batch
        Objects per call of the model. Another number may change the last bits of a probability. So may TensorFlow if
        it was imported earlier with settings that differ from a worker's.
    threshold
        Objects whose confidence is below this get no class, but keep their probabilities.
    unchecked
        Skip the check that the dataset was made like the training data, because you know that it was. Variables, names
        and shapes are still compared. (xarray keeps attributes in arithmetic: a dataset whose values you changed still
        claims its old settings, until you remove them with `drop_attrs`.)

    Returns
    -------
    xarray.Dataset
        Like the product `predictions`: `probability(object, class)`, `predicted_class`, `confidence`; or
        `value(object, quantity)` and perhaps `error`; or `embedding(object, dimension)`. If `ds` is Dask-backed, so is
        `predicted_class`: load the result before you group by it or join it with a loaded one.

    Raises
    ------
    ConfigurationError
        There is no classifier in the folder, or the dataset lacks a variable.
    PlanMismatchError
        The dataset was made differently from the training data, or does not say how it was made.
    """
    from survey_batch.models.artifact import read_manifest

    compute_like_a_worker()
    keys = {"classifier": str(classifier), "batch": batch, "threshold": threshold}
    section = valid("predictions", PredictionsSection, keys)
    recipe = read_manifest(Path(classifier)).recipe
    if missing := [name for name in recipe.variables if name not in ds]:
        raise ConfigurationError(
            f"the classifier {classifier} takes the product {recipe.product!r}; the dataset lacks its variables "
            f"{', '.join(missing)}"
        )
    fixed = {str(name): np.asarray(ds[name]) for name in ds.variables if "object" not in ds[name].dims}
    if not unchecked:
        check_made(recipe, ds)
    ordered = in_order(ds[list(recipe.variables)])
    recipe.check_product(fixed, {name: ordered[name].shape[1:] for name in recipe.variables})
    stage = PredictionsStage(in_notebook("predictions", section, ClusterSection()))
    return apply(stage, ds, stage.own_settings())


def apply(stage: Stage, ds: "xr.Dataset", settings: Mapping[str, Any]) -> "xr.Dataset":
    """Apply a stage to a dataset lazily with `xarray.map_blocks`, chunk by chunk along `object`.

    Objects that `status` marks as unusable keep their status and hold NaN, or 0 for integers. The result states that it
    was made with `settings`, if the dataset states how it was made itself.
    """
    whole = in_order(needed(stage, ds, "status", *OWN))
    own = {name: whole[name].variable for name in there(whole, *OWN)}
    given = whole.drop_vars(own)
    made = given.map_blocks(_apply_to_block, kwargs={"stage": stage}, template=_template(stage, given))
    return finished(made.assign_coords(own), made_from(ds, settings))


@one_thread()
def _apply_to_block(block: "xr.Dataset", stage: Stage) -> "xr.Dataset":
    status = np.full(block.sizes["object"], Status.OK, np.uint8)
    if "status" in block:
        status = block["status"].values.astype(np.uint8)
    whole = stage.empty_block(len(status))
    if (work := usable(status)).any():
        inputs = take({name: block[name].values for name in stage.input_variables}, work)
        rows = {"ra": np.zeros(int(work.sum())), "index_in_shard": np.flatnonzero(work)}
        made = stage.compute(rows, stage.prepare(inputs))
        for name, values in made.data.items():
            whole.data[name][work] = values
        status[work] = np.maximum(made.status, status[work])
    return _dataset(stage, {**whole.data, "status": status})


def _template(stage: Stage, given: "xr.Dataset") -> "xr.Dataset":
    """Return an empty lazy dataset like the stage's result."""
    import dask.array as da

    objects = given.sizes["object"]
    schema = stage.schema(objects)
    chunks = given.chunksizes.get("object", (objects,))

    def lazy(variable: Variable) -> Any:
        shape = schema.shape(variable)
        dtype = TEXT if variable.dtype == "string" else variable.dtype
        return da.empty(shape, dtype=dtype, chunks=(chunks, *((size,) for size in shape[1:])))

    variables = (*stage.variables(), schema.status)
    return _dataset(stage, {variable.name: lazy(variable) for variable in variables})


def _dataset(stage: Stage, data: Mapping[str, Any]) -> "xr.Dataset":
    import xarray as xr

    described = {variable.name: variable for variable in (*stage.variables(), stage.schema(1).status)}
    fixed = {name: (dims, _text(values), dict(attrs)) for name, (dims, values, attrs) in stage.coordinates().items()}
    return xr.Dataset(
        {name: (described[name].dims, _text(values), dict(described[name].attrs)) for name, values in data.items()},
        coords=fixed,
    )


def _text(values: Any) -> Any:
    """Return text as `open_product` does."""
    return values.astype(TEXT) if values.dtype.kind in "OU" else values
