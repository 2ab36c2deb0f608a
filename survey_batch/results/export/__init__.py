"""The classified catalogue: results joined to the input rows by id, as a table or as a file of many formats."""

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import pyarrow as pa

from survey_batch.catalog.detected import object_catalog
from survey_batch.catalog.hats import HATS_FILES
from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import exists, join, make_where_asked, same_or_within, write_where_asked
from survey_batch.core.steps import step
from survey_batch.results.export.changes import Changes
from survey_batch.results.export.csv_table import BESIDE, csv_metadata, write_csv
from survey_batch.results.export.fits_table import write_fits
from survey_batch.results.export.hats_catalog import write_hats
from survey_batch.results.export.joined import Joined, join_results
from survey_batch.results.export.parquet_table import write_parquet
from survey_batch.results.export.text import with_types
from survey_batch.results.export.votable import write_votable

if TYPE_CHECKING:
    from survey_batch.cluster.base import Say  # which imports Dask

__all__ = ["export_catalog", "export_table", "with_types"]

CSV, HATS = ".csv", ".hats"

_WRITERS: dict[str, Callable[[Joined, Path], int | None]] = {
    ".parquet": write_parquet,
    ".fits": write_fits,
    ".vot": write_votable,
    ".xml": write_votable,
    CSV: write_csv,
    HATS: write_hats,
}
"""The format by the ending of the file, or of the folder; a writer that leaves rows out returns how many it wrote."""


def export_table(job: Job, with_: Sequence[str] = ()) -> pa.Table:
    """Return the input catalogue with each row's final status and results, in memory.

    Parameters
    ----------
    job : Job
    with_ : sequence of str
        What to add, in the words of `export --with`: `"label"`, `"split"`, `"reason"`, `"features"`,
        `"features=psf_*,colour_*"`, or a product with one value for each object.

    Returns
    -------
    pyarrow.Table
        The rows and columns of `export_catalog`. The metadata of each field hold its `unit`, `description` and `ucd`.

    Raises
    ------
    ConfigurationError
        As for `export_catalog`.
    """
    with join_results(job, with_) as table:
        return pa.concat_tables(table.batches())


def export_catalog(
    job: Job, path: str | None = None, say: "Say" = lambda _: None, with_: Sequence[str] = ()
) -> tuple[str, int]:
    """Write the input catalogue with each row's final status and results.

    Rows are joined by object id; there is one output row per input row that the job takes (all rows, unless it
    selects, removes duplicates or samples), in the input's order. Added columns: `sb_object_id`, `sb_status` and, if
    there are predictions, `sb_predicted_class`, `sb_confidence` and `sb_probability_<class>`. Those of an earlier
    export are replaced. You can export at any moment of a run: rows that are not done yet are `pending`.
    `docs/how-to/export.md` says how types and absent values are written.

    Parameters
    ----------
    job : Job
    path : str, optional
        A file `.parquet`, `.fits`, `.vot` or `.xml` (VOTable) or `.csv`, or a folder `.hats` (a HATS catalogue, for
        LSDB), as a path or fsspec URL; by default `<output>/catalog.parquet`.
    say : callable, optional
        Called with each line about a change to the data; the file's metadata hold these lines too.
    with_ : sequence of str
        What to add; see `export_table`.

    Returns
    -------
    path : str
    rows : int

    Raises
    ------
    ConfigurationError
        No run has begun yet, the catalogue is not the one that the products were made from (it has another id, or
        another position of an object), or the output has an unknown ending, is the catalogue itself, or cannot be
        written.
    """
    target = (path or join(job.output, "catalog.parquet")).rstrip("/")
    _writer(target)
    if target.endswith(HATS) and exists(target) and not exists(join(target, HATS_FILES[0])):
        raise ConfigurationError(f"--to {target}: something is there that is no HATS catalogue: name another folder")
    match = job.catalog.match
    for source in {job.catalog.path, object_catalog(job).path, *([match.path] if match is not None else [])}:
        _refuse_onto(source, target)
    step("joining the results to the catalogue")
    with join_results(job, with_, positions=target.endswith(HATS)) as table:
        step(f"writing {target}")
        rows = _write_table(table, target)
        for line in table.changes.short_lines():
            say(line)
        return target, rows


def _writer(target: str) -> Callable[[Joined, Path], int | None]:
    for ending, writer in _WRITERS.items():
        if target.endswith(ending):
            return writer
    raise ConfigurationError(f"--to {target}: the ending must be {', '.join(_WRITERS)}")


def _refuse_onto(catalog: str, target: str) -> None:
    if same_or_within(target, catalog):
        raise ConfigurationError(
            f"--to {target}: this is the catalogue of the job ({catalog}), which would be overwritten or extended: "
            "name another file"
        )


def _write_table(table: Joined, target: str) -> int:
    """Write a table in the format given by the file's ending; return how many rows it has there."""
    written: list[int | None] = []
    make_where_asked(target, lambda path: written.append(_writer(target)(table, path)))
    if target.endswith(CSV):
        write_where_asked(target + BESIDE, csv_metadata(table, PurePosixPath(target).name))
    return table.rows if written[-1] is None else written[-1]


def _write(table: pa.Table, target: str, changes: Changes | None = None) -> None:
    _write_table(Joined.of(table, changes), target)
