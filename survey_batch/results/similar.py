"""The objects most like some others, by their distance in the embedding that a model gives."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import TYPE_CHECKING, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.config.job import Job
from survey_batch.config.jobfile import JOB, job_of
from survey_batch.core.arguments import TEXT, WHOLE, Kind, takes
from survey_batch.core.arrays import Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.steps import step
from survey_batch.core.wording import counted
from survey_batch.models.neighbours import Metric
from survey_batch.planning.stored import planned_rows, read_plan_part
from survey_batch.results.embedding import Vectors, nearest_others, read_vectors
from survey_batch.results.export.results import Results, find_results

if TYPE_CHECKING:
    import pandas as pd

TOP = 20
"""Neighbours of an object, unless the user asks for another number."""
ROWS_AT_ONCE = 1_000_000
"""Rows of the plan that are searched for ids at a time."""
QUERIES_AT_ONCE = 256
"""Objects whose neighbours are searched together."""
NEAR, SHORTLIST = 3, 200
"""Most ids that a message suggests, and among how many they are sought."""


WHERE_IDS = "ids are in the column sb_object_id of export"

IDS = Kind("an id, or several", lambda value: isinstance(value, str | int | Sequence) or hasattr(value, "dtype"))


@takes(job=JOB, ids=IDS, top=WHOLE, metric=TEXT)
def similar(
    job: Job | str | PathLike[str], ids: str | Sequence[str], top: int = TOP, metric: Metric = "euclidean"
) -> "pd.DataFrame":
    """Find the objects most like some others, by their distance in the embedding of the job's predictions.

    The search is exact: every object is compared. It needs little memory, however many there are.

    Parameters
    ----------
    job : Job or str or path
        A job, or its file, whose predictions are an embedding, finished or not.
    ids : str or sequence of str
        `object_id` of one object or several.
    top : int
        Neighbours of each.
    metric : str
        `euclidean`: the length of the difference. `cosine`: 1 less the cosine of the angle between two vectors, for
        models whose vectors tell by direction alone.

    Returns
    -------
    pandas.DataFrame
        For each object asked for, its neighbours, the nearest first: `object` (the id asked for), `rank` (from 1),
        `object_id`, `distance`, `label` (NULL where there is none), `ra` and `dec` [deg], and `status`.

    Raises
    ------
    ConfigurationError
        The predictions are no embedding, no id is given or one is unknown, an object has no vector, or there is no
        such metric.

    Examples
    --------
    >>> sb.similar(job, "spec-55859-F5902_sp01-034", top=5)  # doctest: +SKIP
    """
    return find_similar(job_of(job), np.asarray(ids).ravel().tolist(), top, metric).to_pandas()


def find_similar(job: Job, ids: Sequence[str], top: int = TOP, metric: Metric = "euclidean") -> pa.Table:
    """Find the table that `similar` returns."""
    if top < 1:
        raise ConfigurationError(f"top is {top}: ask for one neighbour at least")
    if not len(ids):
        raise ConfigurationError(f"no id is given: name one object at least; {WHERE_IDS}")
    if metric not in get_args(Metric):
        raise ConfigurationError(f"metric is {metric!r}, but must be one of {', '.join(get_args(Metric))}")
    vectors, results = read_vectors(job.output), find_results(job, ["label"], positions=True)
    names = list(dict.fromkeys(map(str, ids)))
    rows = rows_of_ids(job.output, names)
    _check_answered(names, rows, vectors)
    step(f"comparing {counted(int(np.count_nonzero(vectors.answered)), 'object')}")
    parts = [
        _neighbours(vectors, results, names[start : start + QUERIES_AT_ONCE], rows[start : start + QUERIES_AT_ONCE],
                    top, metric)
        for start in range(0, len(names), QUERIES_AT_ONCE)
    ]  # fmt: skip
    return pa.concat_tables(parts)


def rows_of_ids(output: str, ids: Sequence[str]) -> Index:
    """Find the rows of objects by their ids.

    Raises
    ------
    ConfigurationError
        An id is unknown; the message has ids like it.
    """
    rows, wanted = np.full(len(ids), -1, np.intp), pa.array(ids, pa.string())
    shortlists: dict[str, list[str]] = {}
    for start, stored in _ids(output):
        place = pc.index_in(wanted, value_set=stored).to_numpy(zero_copy_only=False)
        found = np.isfinite(place.astype(np.float64))
        rows[found] = place[found].astype(np.intp) + start
        for name in (ids[index] for index in np.flatnonzero(rows < 0).tolist() if start == 0):
            shortlists[name] = _beginning_alike(name, stored)
    if unknown := [ids[index] for index in np.flatnonzero(rows < 0).tolist()]:
        more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
        near = difflib.get_close_matches(unknown[0], shortlists[unknown[0]], NEAR)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else WHERE_IDS
        raise ConfigurationError(f"no object of {output} has the id {unknown[0]!r}{more}; {hint}")
    return rows


def _ids(output: str) -> Iterator[tuple[int, pa.Array]]:
    """Read the ids of the plan, some rows at a time."""
    total = planned_rows(output)
    for start in range(0, total, ROWS_AT_ONCE):
        part = read_plan_part(output, ["object_id"], slice(start, min(start + ROWS_AT_ONCE, total)))
        yield start, part["object_id"].combine_chunks().cast(pa.string())


def _beginning_alike(name: str, stored: pa.Array) -> list[str]:
    """Return some ids that share as long a beginning with a name as any."""
    for length in range(len(name), 0, -1):
        found = stored.filter(pc.starts_with(stored, name[:length]))
        if len(found):
            return [str(one) for one in found[:SHORTLIST].to_pylist()]
    return [str(one) for one in stored[:SHORTLIST].to_pylist()]


def _check_answered(names: Sequence[str], rows: Index, vectors: Vectors) -> None:
    has = np.pad(vectors.answered, (0, 1))[np.minimum(rows, len(vectors.answered))]  # the catalogue may have grown
    lacking = [name for name, there in zip(names, has, strict=True) if not there]
    if lacking:
        more = f" and {counted(len(lacking) - 1, 'other')} have" if len(lacking) > 1 else " has"
        raise ConfigurationError(
            f"{lacking[0]!r}{more} no embedding: not done yet, or the model could not answer (export --with reason "
            "says why); leave it out"
        )


def _neighbours(
    vectors: Vectors, results: Results, names: Sequence[str], rows: Index, top: int, metric: Metric
) -> pa.Table:
    found = nearest_others(vectors, rows, top, metric)
    query, rank = np.nonzero(found.rows >= 0)
    about = _read(results, found.rows[query, rank])
    return pa.table(
        {
            "object": pa.array([names[index] for index in query.tolist()], pa.string()),
            "rank": rank + 1,
            "object_id": about["object_id"],
            "distance": found.distances[query, rank],
            **{name: about[name] for name in ("label", "ra", "dec", "status")},
        }
    )


def _read(results: Results, rows: Iterable[int]) -> pa.Table:
    """Read what is known of single rows, in their order."""
    wanted, place = np.unique(np.fromiter(rows, np.intp), return_inverse=True)
    read = [results.read(slice(int(row), int(row) + 1)) for row in wanted]
    return pa.concat_tables(read).take(place)
