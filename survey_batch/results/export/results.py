"""What a run has made of each object so far, part of the plan by part: statuses, predictions, features and reasons."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import join, read_bytes
from survey_batch.core.status import Status, final_status, usable
from survey_batch.planning.stored import planned_rows, read_plan_part
from survey_batch.results.export.answers import PREDICTIONS, answer_columns
from survey_batch.results.export.asked import chosen, parse
from survey_batch.results.export.names import plain_names
from survey_batch.results.export.neighbours import NEIGHBOURS, neighbour_columns
from survey_batch.results.export.outlier import OUTLIER, outlier_column
from survey_batch.results.export.parts import Part, stored_rows, to_column
from survey_batch.results.export.ucds import UCDS, ucd_of_feature
from survey_batch.results.export.units import column, plain_unit
from survey_batch.store.damage import read_attribute
from survey_batch.store.marks import read_marks
from survey_batch.store.products import PROVENANCE, open_group, product_exists
from survey_batch.store.schema import OBJECT_COORDINATES, PRODUCTS_OF_FRAMES
from survey_batch.store.small_files import file_told

Statuses = npt.NDArray[np.uint8]

NAMES = np.array([member.name.lower() for member in Status], dtype=object)


@dataclass(frozen=True)
class Results:
    """Results of all planned objects, in the order of the plan.

    Attributes
    ----------
    rows : int
    parts : tuple of Part
    products : tuple of str
        From which they come.
    """

    rows: int
    parts: tuple[Part, ...]
    products: tuple[str, ...]

    @property
    def fields(self) -> list[pa.Field]:
        """All columns."""
        return [field for part in self.parts for field in part.fields]

    def read(self, rows: slice) -> pa.Table:
        """Read successive rows of the plan."""
        columns = [array for part in self.parts for array in part.read(rows)]
        return pa.table(columns, schema=pa.schema(self.fields))


def find_results(job: Job, with_: Sequence[str] = (), *, positions: bool = False) -> Results:
    """Find the results of all planned objects, at any moment of a run.

    Parameters
    ----------
    job
    with_
        What to add to status and predictions, in the words of `--with`.
    positions
        Whether to add `ra` and `dec` [deg].

    Returns
    -------
    Results
        `object_id` and `status`; if there are predictions, also `predicted_class`, `confidence` and
        `probability_<class>`, or `value_<quantity>` and `error_<quantity>`; and what was asked for. NULL where an
        object has no value. An object is `pending` until all products, including those not yet created, have reached
        it.

    Raises
    ------
    ConfigurationError
        No run has made a plan yet, the job makes no product of objects, or something unknown is asked for.
    """
    stages = [name for name in job.stages if name not in PRODUCTS_OF_FRAMES and job.keeps(name)]
    if not stages:
        raise ConfigurationError(f"stages: {', '.join(job.stages)} make no product of objects that could be exported")
    try:
        rows = planned_rows(job.output)
    except FileNotFoundError as error:
        raise ConfigurationError(f"{job.output} holds no product yet: run the job first") from error
    # Statuses are read first: a shard that is being done again counts as pending, whatever its arrays hold.
    statuses = {name: _status(job.output, name, rows) for name in stages}
    made = [name for name in stages if product_exists(job.output, name)]
    asked = parse(with_, [name for name in made if name != PREDICTIONS])
    final = final_status(list(statuses.values()))
    parts = [_identity(job.output, final, ("ra", "dec") if positions else ())]
    if PREDICTIONS in made:
        parts += answer_columns(job.output, usable(statuses[PREDICTIONS]))
    for product, patterns in asked.patterns.items():
        parts += _columns_of(job.output, product, patterns, statuses[product])
    if texts := [name for name in asked.columns if name in ("label", "split")]:
        parts.append(_labels(job.output, texts))
    if "reason" in asked.columns:
        parts.append(_reasons(job.output, final))
    if OUTLIER in asked.columns:
        parts.append(outlier_column(job.output))
    if NEIGHBOURS in asked.columns:
        parts.append(neighbour_columns(job.output))
    return Results(rows, tuple(parts), tuple(made))


def _status(output: str, product: str, rows: int) -> Statuses:
    if not product_exists(output, product):
        return np.full(rows, Status.PENDING, np.uint8)
    status = read_marks(output, product, open_group(output, product)).astype(np.uint8)
    return np.pad(status, (0, max(rows - len(status), 0)))  # a run has still to give it the catalogue's new rows


def _identity(output: str, final: Statuses, positions: tuple[str, ...]) -> Part:
    about = {"object_id": "the id by which products name the object", "ra": "right ascension", "dec": "declination"}
    fields = [column("object_id", pa.string(), about["object_id"], ucd=UCDS["object_id"])]
    fields += [column(name, pa.float64(), f"{about[name]} (ICRS)", "deg", UCDS[name]) for name in positions]
    fields.append(column("status", pa.string(), "final status of the object", ucd=UCDS["status"]))

    def read(rows: slice) -> list[pa.Array]:
        plan = read_plan_part(output, ["object_id", *positions], rows)
        known = (plan[name].combine_chunks() for name in positions)
        angles = [pc.if_else(pc.is_nan(angle), pa.scalar(None, pa.float64()), angle) for angle in known]
        return [plan["object_id"], *angles, pa.array(NAMES[final[rows]], pa.string())]

    return Part(tuple(fields), read)


def _columns_of(output: str, product: str, patterns: Sequence[str], status: Statuses) -> list[Part]:
    """Find the columns of a product: features by name, else variables with one value for each object."""
    group: Any = open_group(output, product)
    if "feature" in group and "value" in group:
        return [_features(group, patterns, product, usable(status))]
    own = {variable.name for variable in OBJECT_COORDINATES}
    names = [name for name, array in sorted(group.arrays()) if array.metadata.dimension_names == ("object",)]
    return [
        _variable(group, name, product, status)
        for name in chosen(patterns, [name for name in names if name not in own], product)
    ]


def _features(group: Any, patterns: Sequence[str], product: str, done: npt.NDArray[np.bool_]) -> Part:
    names, units, meanings = (
        [str(text) for text in stored_rows(group, name, slice(None))] for name in ("feature", "unit", "description")
    )
    wanted = chosen(patterns, names, product)
    indices = [names.index(name) for name in wanted]
    prefix = "feature" if product == "features" else product
    fields = tuple(
        column(
            f"{prefix}_{plain}",
            pa.float32(),
            meanings[index],
            plain_unit(units[index]),
            ucd_of_feature(names[index], units[index]),
        )
        for index, plain in zip(indices, plain_names(wanted), strict=True)
    )

    def read(rows: slice) -> list[pa.Array]:
        values, here = stored_rows(group, "value", rows), done[rows]
        return [to_column(np.ascontiguousarray(values[:, index]), here) for index in indices]

    return Part(fields, read)


def _variable(group: Any, name: str, product: str, status: Statuses) -> Part:
    array = group[name]
    says = name == "status"
    kind = pa.string() if says or array.dtype.kind in "TUO" else pa.from_numpy_dtype(array.dtype)
    unit = str(array.attrs.get("units", ""))
    about = str(array.attrs.get("long_name", ""))
    field = column(f"{product}_{plain_names([name])[0]}", kind, about, plain_unit(unit))

    def read(rows: slice) -> list[pa.Array]:
        if says:
            return [pa.array(NAMES[status[rows]], pa.string())]
        return [to_column(stored_rows(group, name, rows), usable(status[rows]))]

    return Part((field,), read)


def _labels(output: str, names: Sequence[str]) -> Part:
    about = {"label": "class in the catalogue", "split": "train, validation or test"}
    fields = tuple(column(name, pa.string(), about[name], ucd=UCDS[name]) for name in names)

    def read(rows: slice) -> list[pa.Array]:
        plan = read_plan_part(output, names, rows)
        return [pc.if_else(pc.equal(plan[name], ""), pa.scalar(None, pa.string()), plan[name]) for name in names]

    return Part(fields, read)


def _reasons(output: str, final: Statuses) -> Part:
    field = column("reason", pa.string(), "why the object is not ok, by stage", ucd=UCDS["reason"])
    path = join(output, "problems.parquet")
    try:
        raw = read_bytes(path)
    except FileNotFoundError:
        raw = None

    def read(rows: slice) -> list[pa.Array]:
        texts = np.full(rows.stop - rows.start, None, dtype=object)
        if raw is not None:
            within = [("row", ">=", rows.start), ("row", "<", rows.stop)]
            with file_told(path):
                found = pq.read_table(io.BytesIO(raw), columns=["row", "stage", "message"], filters=within)
            for row, stage, message in zip(*(found[name].to_pylist() for name in found.column_names), strict=True):
                if stage not in PRODUCTS_OF_FRAMES:
                    said, index = f"{stage}: {message}", row - rows.start
                    texts[index] = said if texts[index] is None else f"{texts[index]}; {said}"
        return [pa.array(texts, pa.string(), mask=np.isin(final[rows], (Status.PENDING, Status.OK)))]

    return Part((field,), read)


def classifier_of(output: str) -> str:
    """Return what the predictions say of their classifier, with the hash of its files, as JSON; "" if there are none.

    A product that other software made may lack both.
    """
    if not product_exists(output, PREDICTIONS):
        return ""
    group = open_group(output, PREDICTIONS)
    made = read_attribute(group, PROVENANCE)
    return json.dumps({**read_attribute(group, "classifier"), "fingerprint": made.get("predictions.classifier", "")})
