"""What the comments at the head of an ECSV file say about its columns."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from survey_batch.catalog.source import Column
from survey_batch.core.errors import ConfigurationError

MAGIC = "# %ECSV"
_TYPES = {
    "bool": pa.bool_(),
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    **{f"{sign}int{bits}": getattr(pa, f"{sign}int{bits}")() for sign in ("", "u") for bits in (8, 16, 32, 64)},
}
_SUBTYPE = re.compile(r"(\w+)\s*\[([\d\s,]*(?:null)?)\]")


def ecsv_description(lines: Sequence[str], url: str) -> dict[str, Any]:
    """Read the YAML that stands in the comments.

    Raises
    ------
    ConfigurationError
        It is not as ECSV wants it, or says that masks of columns are kept in columns of their own.
    """
    from astropy.table.meta import get_header_from_yaml

    try:
        described = dict(get_header_from_yaml([line.removeprefix("#").removeprefix(" ") for line in lines]))
        described["datatype"] = {str(column["name"]): column for column in described["datatype"]}
    except Exception as error:  # YAML has many errors of its own
        raise ConfigurationError(
            f"catalog.path: the header of {url} is not that of an ECSV file ({error}): write it anew with astropy, "
            "or take the comments out to have it read as plain CSV"
        ) from error
    if masks := sorted(set(_masks((described.get("meta") or {}).get("__serialized_columns__")))):
        raise ConfigurationError(
            f"catalog.path: {url} keeps the masks of its columns apart ({', '.join(masks[:6])}), and masked values "
            'look like real ones in it: write it without serialize_method="data_mask", which leaves masked values empty'
        )
    return described


def _masks(serialized: Any) -> Iterator[str]:
    """Names of the columns that are masks of others."""
    if not isinstance(serialized, Mapping):
        return
    for key, value in serialized.items():
        if key == "mask" and isinstance(value, Mapping) and "name" in value:
            yield str(value["name"])
        else:
            yield from _masks(value)


def ecsv_column(name: str, described: Mapping[str, Any]) -> Column:
    """Understand what the header says about one column."""
    return Column(
        name,
        str(described.get("unit") or ""),
        vector="subtype" in described,
        single=described.get("datatype") in ("float16", "float32"),
        kind=_kind(described) if described else None,
    )


def _kind(described: Mapping[str, Any]) -> pa.DataType:
    """Type of a column; text for what Arrow has no type of, such as complex numbers and any JSON."""
    if "subtype" not in described:
        return _TYPES.get(str(described.get("datatype")), pa.string())
    parts = _SUBTYPE.fullmatch(str(described["subtype"]).strip())
    kind = {**_TYPES, "string": pa.string()}.get(parts[1]) if parts else None
    if parts is None or kind is None:
        return pa.string()
    for size in reversed(parts[2].replace(" ", "").split(",")):
        kind = pa.list_(kind, int(size)) if size.isdigit() else pa.list_(kind)
    return kind
