"""Differences between the job that made a product and the current job, in words."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.core.wording import counted
from survey_batch.planning.growth import generations_in
from survey_batch.planning.hashing import hash_of
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import stored_table, to_numpy
from survey_batch.store.schema import Array, Axis

CATALOG = "catalog"
"""Key in a product's provenance: the hash of its rows, which means nothing to a reader."""

COLUMNS = "catalog.columns"
"""Key for the names of the columns that were hashed."""

RECORDED = frozenset({CATALOG, "archive.root"})
"""Settings that are not compared as such: the same files may come from a mirror."""

BY_CONTENT: Mapping[str, str] = {
    "predictions.classifier": "another classifier, or the same one trained again",
    "spectral_features.basis": "other components, from another output or fitted again",
}
"""Settings stored only as a fingerprint, and what a changed fingerprint means."""

NAMED = 5
"""Objects named in a message."""

WHERE_ABSENT: Mapping[str, object] = {
    "spectral_features.sample": 0,
    "cutouts.aperture_correction": True,
    "spectra.dispersion": False,
    "spectra.step": 1e-4,
}
"""Settings stored only where they change values, and the setting that has the same effect as none."""


def rows_made_from(plan: Plan, product: str, made_with: Mapping[str, Any]) -> int:
    """Return of how many rows of the plan a product was made, which are its first ones; 0 if of anything else.

    Parameters
    ----------
    plan
        Plan of the current job.
    product, made_with
        A product of the output, and its provenance.
    """
    columns, rows = made_with.get(COLUMNS, []), generations_in(plan.job.output).get(product, (0,))[-1]
    known = "object_id" in columns and set(columns) <= set(plan.objects.column_names)
    if not known or not 0 < rows <= plan.size("object"):
        return 0
    return rows if plan.hash_behind("object", columns, rows) == made_with.get(CATALOG) else 0


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say which settings differ, and how; the rows of the catalogue are not compared.

    Parameters
    ----------
    before, now
        Settings, keyed by full name.
    """
    changed = sorted(key for key in {*before, *now} - RECORDED if before.get(key) != now.get(key))
    return [_in_words(key, before.get(key), now.get(key)) for key in changed]


def _in_words(key: str, before: object, now: object) -> str:
    """Describe one difference; for a setting stored as a fingerprint, say only that it changed."""
    if key.startswith("custom.") and key.endswith(".source"):
        return f"{key.removesuffix('source')}function: its text has changed"
    if key in BY_CONTENT:
        return f"{key}: {BY_CONTENT[key]}" if before and now else f"{key}: was {_set(before)}, now {_set(now)}"
    was, is_now = (WHERE_ABSENT.get(key) if value is None else value for value in (before, now))
    return f"{key}: was {_value(was)}, now {_value(is_now)}"


def _value(setting: object) -> str:
    return "not set" if setting is None else repr(setting)


def _set(value: object) -> str:
    return "not set" if value is None else "set"


def catalog_differences(
    plan: Plan | None, axis: Axis, made_with: Mapping[str, Any], job: Mapping[str, Any], rows: int | None = None
) -> list[str]:
    """Say how the table `[catalog]` and the catalogue's rows differ from those of a product.

    Parameters
    ----------
    plan
        Plan of the current job; if it is not known, nothing is compared.
    axis
        Axis of the rows: objects, or fields if the job lists fields.
    made_with
        The product's provenance.
    job
        The job that made the product, as in the product's attribute; empty if unknown.
    rows
        Of how many rows of the stored plan the product was made; by default of all.
    """
    if plan is None:
        return [f"{CATALOG}: different rows, or different values in them"]
    made_by = job.get(CATALOG, {})
    asked = plan.job.model_dump(mode="json")[CATALOG]
    keys = list(_key_differences(made_by, asked, CATALOG)) if made_by else []
    before, now = stored_table(plan.job.output, axis), plan.objects if axis == "object" else plan.fields
    columns = made_with.get(COLUMNS, [])
    if before is None:
        return [
            *keys,
            f"{CATALOG}: different rows, or others in the places of those that are pending. Where these are, only the "
            f"folder plan of {plan.job.output} says, and it is lost or damaged: bring it back from a copy",
        ]
    if (
        not {*columns} <= {*before.column_names}
        or hash_of((before := before.slice(0, rows)).select(columns)) != made_with[CATALOG]
    ):
        # Another job has used this output since.
        return [*keys, f"{CATALOG}: different rows, or different values in them, than when it was made"]
    compared = before.select(columns), now.select([name for name in columns if name in now.column_names])
    if axis == "object":
        return [*keys, *_row_differences(*compared, _choices(asked))]
    return [*keys, *(_field_differences(*compared) if axis == "frame" else _value_differences(*compared))]


def _choices(catalog: Mapping[str, Any]) -> str:
    """Name the tables of a job that may leave rows out for what they or other rows say; "" if there are none."""
    tables = [name for name in ("select", "duplicates", "sample") if catalog.get(name)]
    if (catalog.get("match") or {}).get("unmatched") == "leave_out":
        tables.append("match")
    return " or ".join(f"[catalog.{name}]" for name in tables)


def _key_differences(before: object, now: object, name: str) -> Iterator[str]:
    """Compare a table of two jobs key by key; if only one job has the table, name no keys."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in sorted({*before, *now}):
            yield from _key_differences(before.get(key), now.get(key), f"{name}.{key}")
    elif before != now:
        was, is_now = (
            _set(value) if value is None or isinstance(value, Mapping) else repr(value) for value in (before, now)
        )
        yield f"{name}: was {was}, now {is_now}"


def _row_differences(before: pa.Table, now: pa.Table, choices: str) -> Iterator[str]:
    """Say which objects are no longer there, and how the others differ, wherever they are now."""
    place = pc.index_in(before["object_id"].combine_chunks(), value_set=now["object_id"].combine_chunks())
    there = pc.is_valid(place)
    if gone := place.null_count:
        names = before["object_id"].filter(pc.invert(there)).slice(0, NAMED).to_pylist()
        more = f" and {gone - len(names):,} more" if gone > len(names) else ""
        yield (
            f"{CATALOG}: {gone:,} of {counted(before.num_rows, 'row')} {'is' if gone == 1 else 'are'} no longer there: "
            f"{', '.join(map(repr, names))}{more}"
            f"{_renamed(names, now['object_id'])}. A catalogue may grow, but what was made of a row stays: put the "
            "rows back" + (f", unless {choices} leaves them out now: then change that" if choices else "")
        )
    yield from _value_differences(before.filter(there), now.take(place.drop_null()))


def _renamed(names: Sequence[str], ids: pa.ChunkedArray) -> str:
    """Say which objects share their id with a new row elsewhere on the sky, and are named after their position now."""
    found = ((name, ids.filter(pc.starts_with(ids, f"{name}-J"))) for name in names)
    return "".join(
        f"; {name!r} is {longer[0].as_py()!r} now, as a row elsewhere on the sky has the same id"
        for name, longer in found
        if len(longer)
    )


def _field_differences(before: pa.Table, now: pa.Table) -> Iterator[str]:
    """Say how the list of fields has changed since they were searched for objects."""
    if before.num_rows == now.num_rows:
        yield from _value_differences(before, now)
        return
    cure = "put them back" if now.num_rows < before.num_rows else "search the new ones in a job with its own output"
    yield (
        f"{CATALOG}: had {counted(before.num_rows, 'field')}, now {now.num_rows:,}. The fields that [catalog.detect] "
        f"has searched stay as they are, since the objects of all are one list: {cure}"
    )


def _value_differences(before: pa.Table, now: pa.Table) -> Iterator[str]:
    if before.num_rows != now.num_rows:
        yield f"{CATALOG}: had {counted(before.num_rows, 'row')}, now {now.num_rows:,}"
        return
    for name in sorted({*before.column_names} ^ {*now.column_names}):
        yield f"{CATALOG}: {'no longer has' if name in before.column_names else 'did not have'} the column {name!r}"
    names = [name for name in before.column_names if name in now.column_names]
    changed = {name: np.flatnonzero(_changed(before[name], now[name])) for name in names}
    for name, rows in changed.items():
        if rows.size:
            was, is_now = (table[name][int(rows[0])].as_py() for table in (before, now))
            which = f"{name} differs in {rows.size:,} of {counted(now.num_rows, 'row')}"
            yield f"{CATALOG}: {which}; in the first of them it was {was!r}, now {is_now!r}"


def _changed(before: pa.ChunkedArray, now: pa.ChunkedArray) -> Array:
    """Mark the values that differ; two missing values are equal."""
    one, other = to_numpy(before), to_numpy(now)
    differ = one != other
    if one.dtype.kind == other.dtype.kind == "f":
        differ &= ~(np.isnan(one) & np.isnan(other))
    return np.asarray(differ)
