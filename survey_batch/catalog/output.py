"""The output of `survey-batch catalog`: the chosen rows, their counts, and a picture."""

import csv
import io
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from survey_batch.catalog.figures import catalog_figure
from survey_batch.catalog.labels import by_class
from survey_batch.catalog.objects import Counts
from survey_batch.catalog.read import Catalog
from survey_batch.core.paths import join, write_bytes, write_json

NO_CLASS = "(none)"


class CatalogSummary(TypedDict):
    """Which rows of a catalogue were chosen, as in `summary.json`."""

    rows: int
    """Rows chosen."""
    invalid: int
    """Rows among them that cannot be used; a run gives them the status `invalid`."""
    steps: dict[str, dict[str, int]]
    """Rows by class, with an empty name for none, after each step of the selection and in each split."""
    left_out: dict[str, int]
    """Rows left out, by the reason."""
    notes: list[str]
    """What was assumed or looks doubtful."""


def summary_rows(counts: Counts) -> list[dict[str, Any]]:
    """Return one row per class and one for all: counts after each step and in each split.

    Classes without a chosen row come last.
    """
    final = [step for step in counts.steps if step not in ("train", "validation", "test")][-1]
    classes = sorted(counts.steps["in file"], key=lambda name: (not counts.steps[final][name], by_class(name)))
    rows = [
        {"class": name or NO_CLASS} | {step: tally[name] for step, tally in counts.steps.items()} for name in classes
    ]
    return [*rows, {"class": "all"} | {step: tally.total() for step, tally in counts.steps.items()}]


def write_catalog(catalog: Catalog, folder: str) -> list[str]:
    """Write the chosen rows, and what became of the others.

    Parameters
    ----------
    catalog
        As read.
    folder
        Local path or fsspec URL.

    Returns
    -------
    list of str
        Paths of `objects.parquet` (the table, which can itself be a job's `catalog.path`), `summary.csv`,
        `summary.json` and `catalog.png`.
    """
    paths = [join(folder, name) for name in ("objects.parquet", "summary.csv", "summary.json", "catalog.png")]
    write_bytes(paths[0], _parquet(catalog.table))
    write_bytes(paths[1], _csv(summary_rows(catalog.counts)))
    write_json(paths[2], summary(catalog))
    picture = io.BytesIO()
    catalog_figure(catalog).savefig(picture, dpi=130)
    write_bytes(paths[3], picture.getvalue())
    return paths


def summary(catalog: Catalog) -> CatalogSummary:
    """Return counts and notes as JSON types."""
    counts = catalog.counts.as_dict()
    return CatalogSummary(
        rows=catalog.table.num_rows,
        invalid=pc.sum(pc.not_equal(catalog.table["problem"], "")).as_py() or 0,
        steps=counts["steps"],
        left_out=counts["left_out"],
        notes=list(catalog.notes),
    )


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=1 << 18)
    return buffer.getvalue()


def _csv(rows: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
