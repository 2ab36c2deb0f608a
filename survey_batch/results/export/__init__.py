"""The classified catalogue: results joined to the input rows by id, as Parquet or FITS."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog import read_catalog
from survey_batch.catalog.detected import object_catalog
from survey_batch.catalog.opening import open_catalog
from survey_batch.catalog.source import Source
from survey_batch.cluster.base import Say
from survey_batch.config.job import CatalogSection, Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import join, same_or_within, write_where_asked
from survey_batch.core.sky import separation_arcsec
from survey_batch.planning.plan import read_plan_columns, to_numpy
from survey_batch.results.export.changes import Changes
from survey_batch.results.export.fits_table import fits_bytes
from survey_batch.results.export.parquet_table import parquet_bytes
from survey_batch.results.export.results import read_results
from survey_batch.results.export.text import with_integer_identifiers, with_types
from survey_batch.results.export.units import with_units
from survey_batch.store.products import Array

__all__ = ["export_catalog", "with_types"]

OURS = "sb_"
"""Prefix of added columns, so that none hides a column of the catalogue."""

ADDED = r"^(?i:sb_(object_id|status|predicted_class|confidence|probability_.*))$"
"""Columns that an export adds; columns of an earlier export are recognized by it."""

MOVED_ARCSEC = 1.0
"""Less than the width of a star's image; more than rounding in any catalogue."""

_BYTES = {".parquet": parquet_bytes, ".fits": fits_bytes}


def export_catalog(job: Job, path: str | None = None, say: Say = lambda _: None) -> tuple[str, int]:
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
        A `.parquet` file, or a `.fits` table for TOPCAT, as a path or fsspec URL; by default
        `<output>/catalog.parquet`.
    say : callable, optional
        Called with each line about a change to the data; the file's metadata hold these lines too.

    Returns
    -------
    path : str
    rows : int

    Raises
    ------
    ConfigurationError
        No run has begun yet, the catalogue is not the one that the products were made from (it has another id, or
        another position of an object), or the output file has an unknown ending, is the catalogue itself, or cannot
        be written.
    """
    target = path or join(job.output, "catalog.parquet")
    if not target.endswith(tuple(_BYTES)):
        raise ConfigurationError(f"--to {target}: the ending must be {' or '.join(_BYTES)}")
    catalog, results, changes = object_catalog(job), read_results(job), Changes()
    for source in {job.catalog.path, catalog.path}:
        _refuse_onto(source, target)
    chosen = read_catalog(catalog, job.archive).table.select(["row", "object_id", "ra", "dec"])
    places = _places(results["object_id"], chosen["object_id"], catalog, job.output)
    _refuse_moved(chosen, places, catalog, job.output)
    opened = open_catalog(catalog, job.archive)
    table = _without_ours(_rows_of(opened.source, to_numpy(chosen["row"]), changes), changes)
    table = with_units(table, opened, catalog)
    for name in results.column_names:
        table = table.append_column(OURS + name, results[name].take(places))
    _write(table, target, changes)
    for line in changes.short_lines():
        say(line)
    return target, table.num_rows


def _rows_of(source: Source, rows: Array, changes: Changes) -> pa.Table:
    """Read all columns of the rows with these (ascending) numbers, batch by batch."""
    names = list(source.names)
    parts, first = [], 0
    for batch in source.batches(names):
        begin, end = np.searchsorted(rows, [first, first + batch.table.num_rows])
        parts.append(_without_views(batch.table).take(pa.array(rows[begin:end] - first)))
        first += batch.table.num_rows
    table = pa.concat_tables(parts)
    if source.text:
        return with_types(table, changes, {column.name: column.kind for column in source.columns})
    return with_integer_identifiers(table, changes)


def _without_views(table: pa.Table) -> pa.Table:
    """Turn views of text and bytes, from which Arrow cannot take rows, into their plain types."""
    fields = [pa.field(field.name, _plain(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields)) if pa.schema(fields) != table.schema else table


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain(kind.value_type), kind.list_size)
    if pa.types.is_map(kind):
        return pa.map_(_plain(kind.key_type), _plain(kind.item_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(_plain(kind.value_type))
    if pa.types.is_list(kind):
        return pa.list_(_plain(kind.value_type))
    return {pa.string_view(): pa.string(), pa.binary_view(): pa.binary()}.get(kind, kind)


def _without_ours(table: pa.Table, changes: Changes) -> pa.Table:
    """Leave out the columns that an earlier export added."""
    names = pa.array(table.column_names, pa.string())
    old = names.filter(pc.match_substring_regex(names, ADDED)).to_pylist()
    for name in old:
        changes.note("of an earlier export; replaced or left out", name)
    return table.drop_columns(old)


def _refuse_onto(catalog: str, target: str) -> None:
    if same_or_within(target, catalog):
        raise ConfigurationError(
            f"--to {target}: this is the catalogue of the job ({catalog}), which would be overwritten or added to: "
            "name another file"
        )


def _places(made: pa.ChunkedArray, asked: pa.ChunkedArray, catalog: CatalogSection, output: str) -> pa.ChunkedArray:
    """Find each asked id's row in the plan."""
    places = pc.index_in(asked, value_set=made)
    if places.null_count:
        missing = asked.filter(pc.is_null(places))[0].as_py()
        raise ConfigurationError(
            f"object {missing!r} of {catalog.path} is not in {output}: the catalogue changed since the run, "
            "or the run has not come to it yet"
        )
    return places


def _refuse_moved(chosen: pa.Table, places: pa.ChunkedArray, catalog: CatalogSection, output: str) -> None:
    """Refuse a catalogue whose objects have the products' ids but other positions on the sky."""
    ra, dec = (to_numpy(chosen[name]) for name in ("ra", "dec"))
    plan = read_plan_columns(output, ["ra", "dec"])
    ra_made, dec_made = (plan[name][to_numpy(places)] for name in ("ra", "dec"))
    one_unknown = np.isnan(ra + dec) != np.isnan(ra_made + dec_made)
    moved = np.flatnonzero(one_unknown | (separation_arcsec(ra, dec, ra_made, dec_made) > MOVED_ARCSEC))
    if moved.size:
        first = moved[0]
        raise ConfigurationError(
            f"object {chosen['object_id'][first].as_py()!r} (row {chosen['row'][first]}) of {catalog.path} is at ra, "
            f"dec = {ra[first]:.6f}, {dec[first]:.6f} deg, and at {ra_made[first]:.6f}, {dec_made[first]:.6f} deg in "
            f"{output}; {moved.size} of {chosen.num_rows} rows differ: this is another catalogue, or it changed since "
            "the run: name the one that the run read"
        )


def _write(table: pa.Table, target: str, changes: Changes | None = None) -> None:
    """Write a table in the format given by the file's ending."""
    ending = next(ending for ending in _BYTES if target.endswith(ending))
    write_where_asked(target, _BYTES[ending](table, changes or Changes()))
