"""Parquet files, folders of them, and HATS catalogues, which are such folders with their own layout."""

import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import fsspec
import pyarrow as pa

from survey_batch.catalog.ecsv import described_columns
from survey_batch.catalog.hats import HATS_FILES, object_folder
from survey_batch.catalog.source import BATCH_ROWS, Column, Rows, Source
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import counted

_ENDINGS = (".parquet", ".pq", ".parq")
_HIDDEN = ("_", ".")
UNIT, DESCRIPTION, UCD = "unit", "description", "ucd"
"""Keys of a field's metadata."""
_FRAME, _MASK = "frame", "mask"
"""Keys that are added to what astropy wrote; all are also names of attributes of `Column`."""
_ASTROPY = b"table_meta_yaml"
"""Key in a file's metadata under which astropy describes the columns (astropy.io.misc.parquet)."""


def parquet_source(url: str) -> Source:
    """Open a Parquet file.

    Raises
    ------
    ConfigurationError
        Two columns have one name, or the file holds the metadata of a folder's files.
    """
    filesystem, path = fsspec.core.url_to_fs(url)
    if posixpath.basename(path).startswith("_"):
        raise ConfigurationError(
            f"catalog.path: {url} holds the metadata of its folder's files, not rows: name the folder instead"
        )
    return _source(url, filesystem, [path], None, ())


def folder_source(url: str) -> Source:
    """Open a folder of Parquet files, some of which may lack columns, or a HATS catalogue without its margin.

    Raises
    ------
    ConfigurationError
        It holds no Parquet file, or files have a column in different units or incompatible types.
    """
    filesystem, path = fsspec.core.url_to_fs(url)
    root, notes = object_folder(filesystem, path, url)
    files = _data_files(filesystem, root)
    if not files:
        raise ConfigurationError(
            f"catalog.path: {url} is a folder without Parquet files: name a file, or a folder of Parquet files (a HATS "
            f"catalogue has them below 'dataset', beside {HATS_FILES[0]})"
        )
    # HATS names its folders by order and pixel, which say nothing about the objects.
    base = None if any("/Norder=" in name for name in files) else root
    return _source(url, filesystem, files, base, notes)


def _data_files(filesystem: Any, root: str) -> list[str]:
    """Return the files that hold rows, sorted by path; names that begin with _ or . are metadata."""
    found = [
        name
        for name in sorted(filesystem.find(root))
        if not any(part.startswith(_HIDDEN) for part in name.removeprefix(root).strip("/").split("/"))
    ]
    parquet = [name for name in found if name.lower().endswith(_ENDINGS)]
    pixels = [name for name in parquet if "/Norder=" in name]
    return pixels or parquet or [name for name in found if _is_parquet(filesystem, name)]


def _is_parquet(filesystem: Any, name: str) -> bool:
    with filesystem.open(name, "rb") as file:
        return bool(file.read(4) == b"PAR1")


def _source(url: str, filesystem: Any, files: list[str], base: str | None, notes: tuple[str, ...]) -> Source:
    import pyarrow.dataset as ds  # imports pandas, which would add a second to every worker's start
    import pyarrow.parquet as pq

    if len(files) == 1:
        with filesystem.open(files[0], "rb") as file:
            _refuse_repeated(pq.read_schema(file).names, url)
    parts = {"partitioning": "hive", "partition_base_dir": base} if base is not None else {}
    dataset = ds.dataset(files, filesystem=filesystem, format="parquet", **parts)
    schema, passed_over = _described(dataset.schema, url)
    schemas = (
        {fragment.path: _described(fragment.physical_schema, url)[0] for fragment in dataset.get_fragments()}
        if len(files) > 1
        else {}
    )
    if schemas:
        schema = _unified({**schemas, "the names of folders": schema}, url)
        dataset = ds.dataset(files, schema, "parquet", filesystem, **parts)
    absent = {
        path: frozenset(dataset.schema.names) - {*own.names, *_partitions(path, base)} for path, own in schemas.items()
    }

    def batches(names: Sequence[str]) -> Iterator[Rows]:
        # Row group by row group, and without read-ahead: Arrow would hold the bytes of the whole file.
        options = {"batch_size": BATCH_ROWS, "batch_readahead": 0, "fragment_readahead": 1}
        for fragment in dataset.get_fragments():
            missing = absent.get(fragment.path, frozenset()) & set(names)
            try:
                for group in fragment.split_by_row_group():
                    for batch in group.to_batches(schema=dataset.schema, columns=list(names), **options):
                        batch.validate(full=True)  # Arrow reads text of a damaged file without a look at its bytes
                        yield Rows(pa.Table.from_batches([batch]), absent=missing)
            except pa.ArrowInvalid as error:
                raise _unfit(fragment.path, names, dataset.schema, schemas, url, error) from error

    single = {field.name for own in schemas.values() for field in own if _is_single(field)}
    frames, masks = (
        {field.name: text for own in schemas.values() or (schema,) for field in own if (text := said(field, key))}
        for key in (_FRAME, _MASK)
    )
    columns = tuple(
        replace(_column(field, field.name in single), frame=frames.get(field.name, ""), mask=masks.get(field.name, ""))
        for field in schema
    )
    return Source(url, columns, batches, (*notes, *passed_over, *_differences(absent, url)))


def _described(schema: pa.Schema, url: str) -> tuple[pa.Schema, tuple[str, ...]]:
    """Give fields what astropy says of them in the file's metadata, unless they say it themselves."""
    yaml = (schema.metadata or {}).get(_ASTROPY, b"").decode(errors="replace")
    added, notes = described_columns(yaml.splitlines(), url)
    fields = []
    for field in schema:
        column = added.get(field.name, Column(field.name))
        keys = (UNIT, DESCRIPTION, UCD, _FRAME, _MASK)
        known = {key: said(field, key) or str(getattr(column, key)) for key in keys}
        fields.append(
            field.with_metadata({**(field.metadata or {}), **{key: text for key, text in known.items() if text}})
        )
    return pa.schema(fields), notes


def _partitions(path: str, base: str | None) -> list[str]:
    """Return the columns given by the names of a file's folders, such as `/year=2024/`."""
    inner = path.removeprefix(base).split("/")[:-1] if base is not None else []
    return [part.partition("=")[0] for part in inner if "=" in part]


def _refuse_repeated(names: Sequence[str], url: str) -> None:
    if repeated := [name for name, count in Counter(names).items() if count > 1]:
        numbers = [number for number, name in enumerate(names, 1) if name == repeated[0]]
        raise ConfigurationError(
            f"catalog.path: {url}: columns {' and '.join(map(str, numbers))} are both called {repeated[0]!r}, and "
            "Parquet columns are found by name: rename one of them"
        )


def _unified(schemas: Mapping[str, pa.Schema], url: str) -> pa.Schema:
    """Return a schema with the columns of all files.

    Raises
    ------
    ConfigurationError
        Files have a column in different units or incompatible types.
    """
    found: dict[str, tuple[str, pa.Field]] = {}
    for path, schema in schemas.items():
        for field in map(_decoded, schema):
            first, known = found.setdefault(field.name, (path, field))
            if (unit := said(field, UNIT)) != (other := said(known, UNIT)):
                raise _different(field.name, f"is in {other or 'no unit'}", first, unit or "no unit", path, url)
            try:
                one = pa.unify_schemas([pa.schema([known]), pa.schema([field])], promote_options="permissive").field(0)
            except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
                raise _different(field.name, f"is {known.type}", first, str(field.type), path, url) from error
            found[field.name] = (first, one)
    return pa.schema([field for _, field in found.values()])


def _unfit(
    path: str, names: Sequence[str], schema: pa.Schema, schemas: Mapping[str, pa.Schema], url: str, error: Exception
) -> Exception:
    """Say which column has values that do not fit the common type of all files."""
    own = schemas.get(path, schema)
    for name in (name for name in names if name in own.names):
        kind = _decoded(own.field(name)).type
        others = [
            (other, _decoded(there.field(name)).type)
            for other, there in schemas.items()
            if name in there.names and _decoded(there.field(name)).type != kind
        ]
        if kind != schema.field(name).type and others:
            other, different = others[0]
            return _different(
                name, f"is {kind}", path, str(different), other, url, f", and no type holds both ({error})"
            )
    return error


def _different(name: str, what: str, path: str, other: str, there: str, url: str, why: str = "") -> ConfigurationError:
    return ConfigurationError(
        f"catalog.path: column {name!r} of the files of {url} {what} in {posixpath.basename(path)}, and {other} in "
        f"{posixpath.basename(there)}{why}: write the files so that they agree"
    )


def _decoded(field: pa.Field) -> pa.Field:
    return field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field


def _is_single(field: pa.Field) -> bool:
    kind = _decoded(field).type
    return bool(pa.types.is_float32(kind) or pa.types.is_float16(kind))


def _column(field: pa.Field, single: bool) -> Column:
    unit, description, ucd = (said(field, key) for key in (UNIT, DESCRIPTION, UCD))
    single, vector = single or _is_single(field), pa.types.is_nested(field.type)
    return Column(field.name, unit, ucd, vector, single, description=description)


def said(field: pa.Field, key: str) -> str:
    """Return an entry of a field's metadata, "" if absent."""
    return str((field.metadata or {}).get(key.encode(), b"").decode(errors="replace"))


def _differences(absent: dict[str, frozenset[str]], url: str) -> Iterator[str]:
    """Say which columns some of the files lack."""
    lacking = Counter(name for names in absent.values() for name in names)
    for name, count in lacking.items():
        first = next(path for path, names in absent.items() if name in names)
        yield (
            f"column {name!r} is missing from {count:,} of {counted(len(absent), 'file')} of {url}, the first "
            f"{posixpath.basename(first)}: their rows are read as if the catalogue had no such column"
        )
