"""What a run has made of each object so far: its final status, and its predictions if there are any."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status, final_status, usable
from survey_batch.planning.plan import read_plan_columns
from survey_batch.store.products import PRODUCTS_OF_FRAMES, Array, open_group, product_exists

Statuses = npt.NDArray[np.uint8]


def read_results(job: Job) -> pa.Table:
    """Read the results of all planned objects, at any moment of a run.

    Returns
    -------
    pyarrow.Table
        `object_id` and `status` in the order of the plan; if there are predictions, also `predicted_class`,
        `confidence` and `probability_<class>`, NULL for an object without one. An object is `pending` until all
        products, including those not yet created, have reached it.

    Raises
    ------
    ConfigurationError
        No run has made a plan yet, or the job makes no product of objects.
    """
    stages = [name for name in job.stages if name not in PRODUCTS_OF_FRAMES and job.keeps(name)]
    if not stages:
        raise ConfigurationError(f"stages: {', '.join(job.stages)} make no product of objects that could be exported")
    try:
        ids = read_plan_columns(job.output, ["object_id"])["object_id"]
    except FileNotFoundError as error:
        raise ConfigurationError(f"{job.output} holds no product yet: run the job first") from error
    # Statuses are read first: a shard that is being done again counts as pending, whatever its arrays hold.
    statuses = {name: _status(job.output, name, len(ids)) for name in stages}
    names = np.array([member.name.lower() for member in Status], dtype=object)
    columns = {"object_id": pa.array(ids, pa.string())}
    columns["status"] = pa.array(names[final_status(list(statuses.values()))], pa.string())
    if "predictions" in stages and product_exists(job.output, "predictions"):
        columns |= _predictions(job.output, usable(statuses["predictions"]))
    return pa.table(columns)


def _status(output: str, product: str, rows: int) -> Statuses:
    if not product_exists(output, product):
        return np.full(rows, Status.PENDING, np.uint8)
    return np.asarray(_read(open_group(output, product), "status"), np.uint8)


def _predictions(output: str, done: npt.NDArray[np.bool_]) -> dict[str, pa.Array]:
    group = open_group(output, "predictions")
    predicted, probability = _read(group, "predicted_class"), _read(group, "probability")
    numbers = {"confidence": _read(group, "confidence")}
    numbers |= {f"probability_{name}": probability[:, place] for place, name in enumerate(_read(group, "class"))}
    return {
        "predicted_class": pa.array(predicted, pa.string(), mask=~done | (predicted == "")),
        **{name: pa.array(values, mask=~done | np.isnan(values)) for name, values in numbers.items()},
    }


def _read(group: Any, name: str) -> Array:
    values = np.asarray(group[name][...])
    return values.astype(object) if values.dtype.kind == "T" else values
