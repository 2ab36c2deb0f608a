"""Differences between the job that made a product and the current job, in words."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

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

WHERE_ABSENT: Mapping[str, object] = {
    "spectral_features.sample": 0,
    "cutouts.aperture_correction": True,
}
"""Settings stored only where they change values, and the setting that has the same effect as none."""


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
    return f"{key}: was {was!r}, now {is_now!r}"


def _set(value: object) -> str:
    return "not set" if value is None else "set"


def catalog_differences(plan: Plan | None, axis: Axis, made_with: Mapping[str, Any], job: str) -> list[str]:
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
        The job that made the product, as in the product's attribute; "" if unknown.
    """
    if plan is None:
        return [f"{CATALOG}: different rows, or different values in them"]
    made_by = json.loads(job)[CATALOG] if job else {}
    asked = plan.job.model_dump(mode="json")[CATALOG]
    keys = list(_key_differences(made_by, asked, CATALOG)) if made_by else []
    before, now = stored_table(plan.job.output, axis), plan.objects if axis == "object" else plan.fields
    columns = made_with.get(COLUMNS, [])
    if (
        before is None
        or not {*columns} <= {*before.column_names}
        or hash_of(before.select(columns)) != made_with[CATALOG]
    ):
        # Another job has used this output since.
        return [*keys, f"{CATALOG}: different rows, or different values in them, than when it was made"]
    return [
        *keys,
        *_row_differences(before.select(columns), now.select([name for name in columns if name in now.column_names])),
    ]


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


def _row_differences(before: pa.Table, now: pa.Table) -> Iterator[str]:
    if before.num_rows != now.num_rows:
        yield f"{CATALOG}: had {before.num_rows:,} rows, now {now.num_rows:,}"
        return
    for name in sorted({*before.column_names} ^ {*now.column_names}):
        yield f"{CATALOG}: {'no longer has' if name in before.column_names else 'did not have'} the column {name!r}"
    names = [name for name in before.column_names if name in now.column_names]
    changed = {name: np.flatnonzero(_changed(before[name], now[name])) for name in names}
    if "object_id" in changed and changed["object_id"].size:  # the other differences then follow from it
        changed = {"object_id": changed["object_id"]}
    for name, rows in changed.items():
        if rows.size:
            was, is_now = (table[name][int(rows[0])].as_py() for table in (before, now))
            which = f"{name} differs in {rows.size:,} of {now.num_rows:,} rows"
            yield f"{CATALOG}: {which}; in the first of them it was {was!r}, now {is_now!r}"


def _changed(before: pa.ChunkedArray, now: pa.ChunkedArray) -> Array:
    """Mark the values that differ; two missing values are equal."""
    one, other = to_numpy(before), to_numpy(now)
    differ = one != other
    if one.dtype.kind == other.dtype.kind == "f":
        differ &= ~(np.isnan(one) & np.isnan(other))
    return np.asarray(differ)
