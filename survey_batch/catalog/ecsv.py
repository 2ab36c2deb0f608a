"""astropy's YAML descriptions of columns: in the head of ECSV files, comments of FITS and metadata of Parquet."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from survey_batch.catalog.source import Column, in_one_line
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
    """Read the YAML in the comments.

    Raises
    ------
    ConfigurationError
        The YAML is not valid ECSV, or says that masks of vectors are kept in columns of their own.
    """
    try:
        described = _from_yaml([line.removeprefix("#").removeprefix(" ") for line in lines])
    except Exception as error:  # YAML has many errors of its own
        raise ConfigurationError(
            f"catalog.path: the header of {url} is not valid ECSV ({error}): write the file again with astropy, "
            "or remove the comments to have it read as plain CSV"
        ) from error
    columns = described["datatype"].values()
    if masks := sorted(column["mask"] for column in columns if "mask" in column and "subtype" in column):
        raise ConfigurationError(
            f"catalog.path: {url} keeps masks of vectors in other columns ({', '.join(masks[:6])}), so masked values "
            'look like real ones: write it without serialize_method="data_mask", which leaves masked values empty'
        )
    return described


def _from_yaml(lines: Sequence[str]) -> dict[str, Any]:
    """Read astropy's YAML; `datatype` then holds columns by name, each with the column of its mask if there is one."""
    from astropy.table.meta import get_header_from_yaml

    described = dict(get_header_from_yaml(list(lines)))
    described["datatype"] = {str(column["name"]): dict(column) for column in described["datatype"]}
    serialized = (described.get("meta") or {}).get("__serialized_columns__")
    for name, more in (*_masks(serialized), *_coordinates(serialized)):
        described["datatype"].get(name, {}).update(more)
    return described


def described_columns(lines: Sequence[str], url: str) -> tuple[dict[str, Column], tuple[str, ...]]:
    """Read what astropy adds to files of other formats: units and descriptions that the format cannot hold.

    Parameters
    ----------
    lines
        Lines of YAML; none if astropy added nothing.
    url
        URL of the file.

    Returns
    -------
    dict
        Columns by name.
    tuple of str
        A note if the YAML cannot be read; the data can still be read.
    """
    from astropy.table.meta import YamlParseError

    try:
        named = _from_yaml(lines)["datatype"].items() if lines else ()
        return {name: ecsv_column(name, described) for name, described in named}, ()
    except (YamlParseError, KeyError, TypeError, ValueError, AttributeError):
        return {}, (f"astropy's description of the columns of {url} is not valid YAML and is ignored",)


def _masks(serialized: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the names of columns that have a mask, each with the name of the column that holds it."""
    if not isinstance(serialized, Mapping):
        return
    data, mask = (serialized.get(key) for key in ("data", "mask"))
    if isinstance(data, Mapping) and isinstance(mask, Mapping) and "name" in data and "name" in mask:
        yield str(data["name"]), {"mask": str(mask["name"])}
    for value in serialized.values():
        yield from _masks(value)


def _coordinates(serialized: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the names of columns that are parts of sky coordinates, each with the frame and, if equatorial, its UCD."""
    coordinates = serialized.values() if isinstance(serialized, Mapping) else ()
    for mixin in coordinates:
        if isinstance(mixin, Mapping) and "frame" in mixin:
            frame = f"{mixin['frame']} {mixin.get('equinox', '')}".strip()
            for part, value in mixin.items():
                ucd = {"ucd": f"pos.eq.{part}"} if part in ("ra", "dec") else {}
                yield from ((name, {"frame": frame, **ucd}) for name in _names(value))


def _names(serialized: Any) -> Iterator[str]:
    """Yield the names of columns that hold a part, but not of their masks."""
    if not isinstance(serialized, Mapping):
        return
    if "name" in serialized:
        yield str(serialized["name"])
    for key, value in serialized.items():
        if key != "mask":
            yield from _names(value)


def ecsv_column(name: str, described: Mapping[str, Any]) -> Column:
    """Understand what the header says about one column."""
    return Column(
        name,
        str(described.get("unit") or ""),
        described.get("ucd", ""),
        vector="subtype" in described,
        single=described.get("datatype") in ("float16", "float32"),
        kind=_kind(described) if described else None,
        description=in_one_line(described.get("description")),
        mask=described.get("mask", ""),
        frame=described.get("frame", ""),
    )


def _kind(described: Mapping[str, Any]) -> pa.DataType:
    """Return the type of a column; text if Arrow has no such type, as for complex numbers and JSON."""
    if "subtype" not in described:
        return _TYPES.get(str(described.get("datatype")), pa.string())
    parts = _SUBTYPE.fullmatch(str(described["subtype"]).strip())
    kind = {**_TYPES, "string": pa.string()}.get(parts[1]) if parts else None
    if parts is None or kind is None:
        return pa.string()
    for size in reversed(parts[2].replace(" ", "").split(",")):
        kind = pa.list_(kind, int(size)) if size.isdigit() else pa.list_(kind)
    return kind
