"""Selection of the labelled objects of a job's product, for training and evaluation."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from survey_batch.catalog.groups import merge_groups, number_groups, sky_cells
from survey_batch.catalog.labels import possible_labels
from survey_batch.catalog.splitting import KEYS
from survey_batch.catalog.stars import group_by_star
from survey_batch.config.job import Job
from survey_batch.core.arrays import Flags, Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status, usable
from survey_batch.core.wording import counted
from survey_batch.lazy.datasets import made_of
from survey_batch.lazy.products import open_product
from survey_batch.models.labelled import TEXTS, Labelled
from survey_batch.models.manifest import Quantity
from survey_batch.models.recipe import made_with
from survey_batch.planning.stored import read_plan_columns
from survey_batch.stages.spectral_features import BASIS
from survey_batch.training.targets import Targets, read_targets

if TYPE_CHECKING:
    import xarray as xr

log = logging.getLogger(__name__)

STAR_RADIUS_ARCSEC = 3.0
"""Visits closer than this belong to one star, unless the job sets another radius."""

LABELS_NAMED = 20
"""Most labels that an error message lists."""


def read_labelled(
    job: Job,
    product: str,
    variables: tuple[str, ...],
    classes: tuple[str, ...] | None = None,
    split: str | None = None,
    *,
    needed: bool = True,
    labels: bool = True,
    quantities: tuple[Quantity, ...] = (),
) -> Labelled:
    """Find the rows of a job's product that are usable and have a label; their data is read only when used.

    Parameters
    ----------
    job
        A job that has run the product's stage.
    product
        Such as "spectra" or "features".
    variables
        Variables of the product to read.
    classes
        Labels to keep, by default all; the log says how many objects are kept.
    split
        Keep only rows of this split.
    needed
        Whether to raise an error if there is no such row.
    labels
        False for models that learn without them: rows without a label are taken too.
    quantities
        If there are any, the rows are those for which the catalogue has a number in the column of each; labels do not
        matter.

    Raises
    ------
    ConfigurationError
        There is no product, it lacks a variable, or no row qualifies and `needed` is true.
    """
    data = open_product(job, product)
    if missing := [name for name in variables if name not in data]:
        raise ConfigurationError(
            f"{product} of {job.output} has no variable {missing[0]!r}, which the classifier works on; it has "
            f"{sorted(str(name) for name in data.data_vars)}"
        )
    label = data["label"].to_numpy()
    targets = read_targets(job, quantities) if quantities else None
    wanted = _labelled(label, classes) if targets is None else targets.known
    status = data["status"].to_numpy()
    pending = int(np.sum(status == Status.PENDING))
    if pending == len(status) and needed:
        raise ConfigurationError(
            f"no row of {product} in {job.output} is done yet: finish the run first (its last lines count "
            "objects by status)"
        )
    if pending:
        log.warning(
            "%d of %s of %s in %s not done yet and not used: finish the run first", pending,
            counted(len(status), "row"), product, job.output,
        )  # fmt: skip
    known = usable(status) & (wanted | (not labels))
    kept = np.flatnonzero(known & (data["split"].to_numpy() == split) if split else known)
    what = _wanted(classes, quantities)
    log.info("%d of %s usable with %s", known.sum(), counted(len(known), "object"), what)
    if targets is None:
        _tell_of_other_labels(label[usable(status) & (label != "") & ~known], classes or ())
    if len(kept) == 0 and needed:
        which = f" of split {split!r}" if split else ""
        splits = sorted({str(name) for name in data["split"].to_numpy()} - {""})
        there = f"the labels are {sorted(map(str, set(label)))[:LABELS_NAMED]}, " if targets is None else ""
        keys = "catalog.label" if targets is None else "train.columns"
        raise ConfigurationError(
            f"no object{which} of {product} in {job.output} is usable; see its report"
            if not labels
            else f"no usable object{which} of {product} in {job.output} has {what}; {there}the splits {splits}; set "
            f"{keys} and [catalog.split]"
        )
    return select_rows(job, data, variables, kept, targets)


def select_rows(
    job: Job, data: "xr.Dataset", variables: Sequence[str], kept: Index, targets: Targets | None = None
) -> Labelled:
    """Take rows of a job's product, by index, whether or not they have labels; their data is read only when used."""
    text = {name: np.array(data[name][kept].to_numpy().tolist(), dtype=str) for name in TEXTS}
    ra, dec = (data[name].to_numpy()[kept].astype(np.float64) for name in ("ra", "dec"))
    radius = job.catalog.split.radius_arcsec if job.catalog.split else STAR_RADIUS_ARCSEC
    source = {name: data[name] for name in variables}
    made = made_of(data) or {}
    dims = {str(dim) for values in source.values() for dim in values.dims} - {"object"}
    return Labelled(
        source,
        star=(star := group_by_star(ra, dec, radius).astype(np.int64)),
        group=_groups(job, kept, star, (ra, dec)),
        coordinates={dim: data[dim].to_numpy() for dim in sorted(dims) if dim in data.coords},
        rows=kept,
        made=made_with(made),
        basis=made.get(BASIS),
        possible_labels=possible_labels(job.catalog.label),
        quantities=targets.quantities if targets else (),
        target=targets.values[kept] if targets else None,
        **text,
    )


def _labelled(label: npt.NDArray[np.object_], classes: tuple[str, ...] | None) -> Flags:
    """Mark rows with a label, or with one of the classes."""
    return np.asarray(label != "" if classes is None else np.isin(label, classes), bool)


def _wanted(classes: tuple[str, ...] | None, quantities: tuple[Quantity, ...]) -> str:
    """Say what the rows must have."""
    if quantities:
        return f"a number in {' and '.join(quantity.column for quantity in quantities)}"
    return f"a label among {list(classes)}" if classes else "a label"


def _tell_of_other_labels(labels: npt.NDArray[np.object_], classes: tuple[str, ...]) -> None:
    """Warn of usable objects that are left out because the classifier has no class of their label."""
    if len(labels):
        counts = Counter(map(str, labels)).most_common()
        named = ", ".join(f"{number} {name}" for name, number in counts[:LABELS_NAMED])
        log.warning(
            "%s not used, with a label that is no class of the classifier (%s): %s%s",
            counted(len(labels), "object"), ", ".join(classes), named, ", …" if len(counts) > LABELS_NAMED else "",
        )  # fmt: skip


def _groups(
    job: Job, rows: Index, star: npt.NDArray[np.int64], position: tuple[Any, Any]
) -> npt.NDArray[np.int64] | None:
    """Number each object's field, plan or sky cell, merged if a star lies in two; None if stars are the groups."""
    section = job.catalog.split
    if section is None or section.group == "star":
        return None
    if section.group == "sky":
        cell = number_groups(sky_cells(*position, section.cell_degrees))
    else:
        columns = read_plan_columns(job.output, KEYS[section.group])
        if not columns:
            return None
        cell = number_groups(*(np.unique(values[rows], return_inverse=True)[1] for values in columns.values()))
    return merge_groups(star, cell).astype(np.int64)
