"""FITS tables, VOTables, and text tables that astropy reads, as catalogues; all are read whole."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pyarrow as pa

from survey_batch.archive.fits_headers import check_columns
from survey_batch.archive.fits_units import extensions, primary_unit
from survey_batch.catalog.arrays import arrow_array, fits_array
from survey_batch.catalog.ecsv import described_columns
from survey_batch.catalog.frames import frame_of_named, header_frame
from survey_batch.catalog.query_status import check_query_status
from survey_batch.catalog.source import Choice, Column, Location, Rows, Source, distinct, in_batches, in_one_line
from survey_batch.core.errors import ConfigurationError, UnreadableError

_LISTED = 6
"""Columns that are named per table in the list of a file's tables."""
_SINGLE = ("float16", "float32")
_YAML_BEGINS, _YAML_ENDS = "--BEGIN-ASTROPY-SERIALIZED-COLUMNS--", "--END-ASTROPY-SERIALIZED-COLUMNS--"
_FULL_CARD = 71
"""Length of a comment that is continued: 70 characters and a backslash (astropy.io.fits.connect)."""


def fits_source(location: Location, choice: Choice) -> Source:
    """Open a table of a FITS file: the first, or the one chosen by the name or number of its HDU.

    Raises
    ------
    ConfigurationError
        The file has no table, or not the chosen one.
    """
    from astropy.io import fits

    with _fits_units(location) as hdus:
        found = {number: hdu for number, hdu in enumerate(hdus) if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)}
        if not found:
            images = "an image" if len(hdus) == 1 else f"{len(hdus)} images or headers"
            raise ConfigurationError(
                f"catalog.path: {location.url} is a FITS file without a table (it holds {images}): name the file with "
                "the table of objects"
            )
        notes = {number: _rename_repeated(hdu.header) for number, hdu in found.items()}
        titles = {number: (hdu.name, hdu.columns.names) for number, hdu in found.items()}
        table = chosen_table(titles, choice, location.url)
        whole = [hdus[0].header] if hdus[0].header["NAXIS"] == 0 else []  # that of an image is about the image
        frame = header_frame([found[table].header, *whole])
        columns, passed_over = _fits_columns(found[table], location.url, frame)

    def batches(names: Sequence[str]) -> Iterator[Rows]:
        with _fits_units(location) as hdus:
            _rename_repeated(hdus[table].header)
            arrays = {name: fits_array(hdus[table], name) for name in names}
        yield from in_batches(pa.table(arrays))

    return Source(location.url, columns, batches, (*notes[table], *passed_over), _described(titles), table)


@contextmanager
def _fits_units(location: Location) -> Iterator[Any]:
    """Open a FITS file with astropy, once its headers are known to fit its bytes.

    Astropy may search a damaged file for minutes, reads one that is cut short, and warns of each strange card.
    """
    from astropy.io import fits

    with location.open() as file:
        raw = file.read()
    try:
        for unit in extensions(primary_unit(raw)):
            check_columns(unit.integer("TFIELDS", 0))
    except UnreadableError as error:
        raise ConfigurationError(
            f"catalog.path: cannot read {location.url} as FITS: {error}: copy or download the file again"
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with fits.open(BytesIO(raw), memmap=False) as hdus:
            yield hdus


def _rename_repeated(header: Any) -> tuple[str, ...]:
    """Give columns that share a name different names; astropy could not read them otherwise."""
    keys = [f"TTYPE{number}" for number in range(1, header.get("TFIELDS", 0) + 1)]
    columns, notes = distinct([Column(str(header.get(key, ""))) for key in keys])
    for key, column in zip(keys, columns, strict=True):
        if notes and header.get(key, "") != column.name:
            header[key] = column.name
    return notes


def _fits_columns(hdu: Any, url: str, frame: str) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """Describe columns by TUNIT and TCOMM, or by astropy's YAML: it writes no TCOMM, and no unit unknown to FITS.

    The frame is that of the table, for columns that state none of their own.
    """
    row = hdu.columns.dtype
    if not 0 <= row.itemsize <= hdu.header["NAXIS1"]:  # astropy may ask for as much memory as they say
        raise ConfigurationError(
            f"catalog.path: cannot read {url} as FITS: the columns of its table take {row.itemsize} bytes, its rows "
            f"{hdu.header['NAXIS1']}: write the file again"
        )
    kinds = [row[index] for index in range(len(hdu.columns))]
    comments = [str(hdu.header.get(f"TCOMM{number}", "")) for number in range(1, len(kinds) + 1)]
    added, notes = described_columns(_astropy_lines(hdu.header), url)
    columns = tuple(
        replace(
            told := added.get(column.name, Column(column.name)),
            unit=str(column.unit or told.unit),  # a damaged card may hold a number
            vector=bool(kind.shape),
            single=kind.base.name in _SINGLE,
            kind=None,
            frame=told.frame or frame_of_named(column.name, frame),
            description=comment or told.description,
        )
        for column, kind, comment in zip(hdu.columns, kinds, comments, strict=True)
    )
    return columns, notes


def _astropy_lines(header: Any) -> list[str]:
    """Return the YAML lines in a header's comments; lines of over 70 characters continue after a backslash."""
    comments = [str(line) for line in header.get("COMMENT", ())]
    if not {_YAML_BEGINS, _YAML_ENDS} <= set(comments):
        return []
    cards = comments[comments.index(_YAML_BEGINS) + 1 : comments.index(_YAML_ENDS)]
    return "".join(card[:-1] if len(card) == _FULL_CARD else f"{card}\n" for card in cards).splitlines()


def votable_source(location: Location, choice: Choice) -> Source:
    """Open a table of a VOTable file: the first that has rows, or the one chosen by name or number.

    Raises
    ------
    ConfigurationError
        The file is not a VOTable, has no table or not the chosen one, or says that the query failed or was cut off.
    """
    from astropy.io.votable import parse
    from astropy.io.votable.exceptions import W51, VOTableSpecError

    try:
        with location.open() as file, warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("ignore")  # about units and other small departures from the standard
            warnings.simplefilter("always", W51)  # about integers beyond their type, which astropy clips
            document = parse(file, verify="warn")
    except (VOTableSpecError, IndexError) as error:
        raise ConfigurationError(f"catalog.path: cannot read {location.url} as VOTable: {error}") from error
    cut_off = check_query_status(document, choice.accept_overflow, location.url)
    found = {number: table for number, table in enumerate(document.iter_tables(), 1) if not table.is_empty()}
    if not found:
        raise ConfigurationError(f"catalog.path: cannot read {location.url} as VOTable: no table found in it")
    titles = {number: (table.name or "", [field.name for field in table.fields]) for number, table in found.items()}
    if told:
        _refuse_clipped(list(found.values()), str(told[0].message), location.url)
    table = chosen_table(titles, choice, location.url)
    columns, notes = distinct([_votable_column(field, document) for field in found[table].fields])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        values = found[table].to_table()
    index_of = {column.name: index for index, column in enumerate(columns)}

    def batches(names: Sequence[str]) -> Iterator[Rows]:
        yield from in_batches(pa.table({name: arrow_array(values.columns[index_of[name]]) for name in names}))

    return Source(location.url, columns, batches, (*cut_off, *notes), _described(titles), table, tells_overflow=True)


def _refuse_clipped(tables: Sequence[Any], warning: str, url: str) -> None:
    """Name the columns that hold an extreme value of their type, because astropy clips values beyond it."""
    ends = {"unsignedByte": (0, 2**8 - 1)} | {
        name: (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for name, bits in (("short", 16), ("int", 32), ("long", 64))
    }
    columns = [(field, table.array[field.ID]) for table in tables for field in table.fields if field.datatype in ends]
    names = [
        f"{field.name!r} (datatype {field.datatype!r})"
        for field, values in columns
        if values.dtype == object or np.isin(np.ma.compressed(values), ends[field.datatype]).any()
    ]
    raise ConfigurationError(
        f"catalog.path: {url}: values of column {' or '.join(names)} do not fit their type ({warning}): correct the "
        "datatype of the column: 'long' for 64-bit integers, 'char' for longer ones"
    )


def _votable_column(field: Any, document: Any) -> Column:
    system = next((one for one in document.iter_coosys() if field.ref and field.ref == one.ID), None)
    text = field.datatype in ("char", "unicodeChar")
    return Column(
        field.name,
        "" if field.unit is None else str(field.unit),
        field.ucd or "",
        vector="x" in (field.arraysize or "") if text else field.arraysize not in (None, "", "1"),
        single=field.datatype == "float",
        description=in_one_line(field.description),
        frame=f"{system.system or ''} {system.equinox or ''}".strip() if system is not None else "",
    )


def text_source(location: Location, encoding: str, form: str) -> Source:
    """Open a text table that is not CSV.

    Parameters
    ----------
    location
        The file.
    encoding
        Encoding of its text.
    form
        Format name in astropy: `mrt` (AAS machine-readable tables, also CDS) or `ipac`.

    Raises
    ------
    ConfigurationError
        The table does not quite follow this format.
    """
    from astropy.table import Table

    with location.open() as file:
        text = file.read().decode(encoding)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = Table.read(text.splitlines(), format=f"ascii.{form}")
    except Exception as error:  # the readers have errors of their own
        raise ConfigurationError(
            f"catalog.path: {location.url} looks like a table in {form.upper()} format, but cannot be read as one "
            f"({type(error).__name__}: {error}): save it as CSV, FITS or VOTable, for example with TOPCAT"
        ) from error
    notes = _add_position(table)
    columns = tuple(
        Column(
            name,
            str(column.unit or ""),
            single=column.dtype.name in _SINGLE,
            description=in_one_line(column.description),
        )
        for name, column in table.columns.items()
    )

    def batches(names: Sequence[str]) -> Iterator[Rows]:
        yield from in_batches(pa.table({name: arrow_array(table[name]) for name in names}))

    return Source(location.url, columns, batches, notes)


def _add_position(table: Any) -> tuple[str, ...]:
    """Convert the CDS columns RAh, RAm, RAs, DE-, DEd, DEm and DEs to degrees, if there is no column RAdeg."""
    if not {"RAh", "RAm", "RAs", "DEd", "DEm", "DEs"} <= set(table.colnames) or "RAdeg" in table.colnames:
        return ()
    parts = {
        name: np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan)
        for name in table.colnames
        if name[:2] in ("RA", "DE") and name[2:] in ("h", "m", "s", "d")
    }
    sign = np.where(np.asarray(table["DE-"]) == "-", -1.0, 1.0) if "DE-" in table.colnames else 1.0
    table["RAdeg"] = 15 * (parts["RAh"] + parts["RAm"] / 60 + parts["RAs"] / 3600)
    table["DEdeg"] = sign * (parts["DEd"] + parts["DEm"] / 60 + parts["DEs"] / 3600)
    return ("ra and dec are made from the columns RAh, RAm, RAs and DE-, DEd, DEm, DEs",)


def chosen_table(titles: Mapping[int, tuple[str, Sequence[str]]], choice: Choice, url: str) -> int:
    """Return the number of the table that a job names, or the first.

    Raises
    ------
    ConfigurationError
        There is no such table; the message lists the tables of the file.
    """
    if choice.table is None:
        return next(iter(titles))
    wanted = str(choice.table).strip().lower()
    for number, (name, _) in titles.items():
        if wanted in (name.lower(), str(number)):
            return number
    there = "; ".join(f"{number} {text}" for number, text in _described(titles).items())
    raise ConfigurationError(f"catalog.table: {url} has no table {choice.table!r}; there are {there}")


def _described(titles: Mapping[int, tuple[str, Sequence[str]]]) -> dict[int, str]:
    """Name each table and its first columns."""
    return {
        number: f"{name!r} " * bool(name) + f"({', '.join(names[:_LISTED])}{', …' * (len(names) > _LISTED)})"
        for number, (name, names) in titles.items()
    }
