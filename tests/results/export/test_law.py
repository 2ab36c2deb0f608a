"""What comes out of an export equals what went in, for every type that a catalogue can have, with and without gaps.

`EXPORT_EXAMPLES=2000 python -m pytest tests/results/export/test_law.py` tries more.
"""

import datetime
import decimal
import json
import os
import tempfile
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from astropy.table import Table
from hypothesis import example, given, settings
from hypothesis import strategies as st

from survey_batch.planning.plan import make_plan
from survey_batch.results.export import export_catalog
from tests.jobs import lamost_job

many = settings(max_examples=int(os.environ.get("EXPORT_EXAMPLES", "15")), deadline=None)

FIRST, LAST = (datetime.datetime(year, month, day) for year, month, day in ((1, 1, 1), (9999, 12, 31)))
DAY = 86_400
PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def integers(kind):
    low, high = (2 ** (kind.bit_width - 1), 2 ** (kind.bit_width - 1) - 1)
    low, high = (0, 2**kind.bit_width - 1) if pa.types.is_unsigned_integer(kind) else (-low, high)
    return st.one_of(st.integers(low, high), st.sampled_from([low, low + 1, high - 1, high, 0, 1]))


def floats(kind):
    return st.floats(width=kind.bit_width)


def decimals(kind):
    most = 10**kind.precision - 1
    wide = decimal.Context(prec=100)
    return st.integers(-most, most).map(lambda n: decimal.Decimal(n).scaleb(-kind.scale, wide))


def counted(low, high):
    return lambda _: st.integers(low, high)


def instants(kind):
    unit = PER_SECOND[kind.unit]
    epoch = datetime.datetime(1970, 1, 1)
    first, last = ((int((edge - epoch).total_seconds())) * unit for edge in (FIRST, LAST))
    most = 2**63 - 10**9  # Arrow does not parse the first and last second of what it holds
    return st.integers(max(first, -most), min(last, most))


def listed(kind):
    elements = st.one_of(st.none(), strategy(kind.value_type))
    size = kind.list_size if pa.types.is_fixed_size_list(kind) else None
    return st.lists(elements, min_size=size or 0, max_size=size or 3)


def strategy(kind):
    return next(make(kind) for known, make in STRATEGIES if known(kind))


STRATEGIES = (
    (pa.types.is_null, lambda _: st.none()),
    (pa.types.is_boolean, lambda _: st.booleans()),
    (pa.types.is_integer, integers),
    (pa.types.is_floating, floats),
    (pa.types.is_decimal, decimals),
    (lambda kind: kind in (pa.string(), pa.large_string(), pa.string_view()), lambda _: st.text(max_size=8)),
    (pa.types.is_fixed_size_binary, lambda kind: st.binary(min_size=kind.byte_width, max_size=kind.byte_width)),
    (lambda kind: kind in (pa.binary(), pa.large_binary(), pa.binary_view()), lambda _: st.binary(max_size=4)),
    (pa.types.is_date32, counted((FIRST.toordinal() - 719163), LAST.toordinal() - 719163)),
    (pa.types.is_date64, lambda _: st.integers(-719162, 2932896).map(lambda day: day * DAY * 1000)),
    (pa.types.is_time, lambda kind: st.integers(0, DAY * PER_SECOND[kind.unit] - 1)),
    (pa.types.is_timestamp, instants),
    (pa.types.is_duration, counted(-(2**62), 2**62)),
    (pa.types.is_dictionary, lambda kind: strategy(kind.value_type)),
    (pa.types.is_map, lambda _: st.lists(st.tuples(st.text(max_size=3), st.integers(0, 9)), max_size=2)),
    (pa.types.is_nested, listed),
)

NUMBERS = (
    *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64(), pa.bool_()),
)
KINDS = (
    *NUMBERS,
    *NUMBERS,  # twice as often
    *(pa.decimal32(5, 2), pa.decimal64(15, 3), pa.decimal128(38, 10), pa.decimal256(60, 5)),
    *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(), pa.binary(3)),
    *(pa.date32(), pa.date64(), pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns"), pa.null()),
    *(pa.timestamp(unit) for unit in PER_SECOND),
    *(pa.timestamp(unit, "Europe/Rome") for unit in PER_SECOND),
    *(pa.duration(unit) for unit in PER_SECOND),
    *(pa.dictionary(pa.int8(), value) for value in (pa.string(), pa.int64(), pa.float64())),
    *(pa.list_(value) for value in (*NUMBERS, pa.string(), pa.timestamp("us"), pa.list_(pa.float32()))),
    *(pa.list_(value, 3) for value in (*NUMBERS, pa.string(), pa.date32(), pa.list_(pa.int16(), 2))),
    *(pa.large_list(pa.int64()), pa.list_view(pa.float64()), pa.map_(pa.string(), pa.int64())),
)

SIMPLE = (*NUMBERS, pa.string(), *(pa.timestamp(unit) for unit in PER_SECOND))
"""Types of which plain `pandas.read_parquet` makes columns that hold every value."""


@st.composite
def tables(draw):
    """Some columns of the same few rows, with or without gaps."""
    rows = draw(st.integers(1, 5))

    def column(kind):
        values = strategy(kind)
        entries = draw(st.sampled_from([values, st.one_of(st.none(), values)]))
        return array_of(draw(st.lists(entries, min_size=rows, max_size=rows)), kind)

    return [column(draw(st.sampled_from(KINDS))) for _ in range(draw(st.integers(1, 4)))]


def array_of(rows, kind):
    if pa.types.is_dictionary(kind):
        return pa.array(rows, kind.value_type).dictionary_encode().cast(kind)
    return pa.array(rows, kind)


def make_job(folder, *columns):
    """A job whose catalogue has these columns, `x0`, `x1` and so on, and whose run has just begun."""
    rows = np.arange(len(columns[0]))
    known = {"obsid": rows + 1000, "filename": [f"{row}.fits" for row in rows], "ra": rows / 7, "dec": rows / 9}
    path = folder / "catalog.parquet"
    pq.write_table(pa.table({**known, **{f"x{place}": each for place, each in enumerate(columns)}}), path)
    return begun(folder / "out", path)


def begun(output, catalog):
    keys = {"catalog": {"path": str(catalog)}, "archive": {"survey": "lamost", "root": "none"}}
    job = lamost_job(keys, output, stages=["spectra"])
    make_plan(job).store()
    return job


def as_given(column, kind):
    """Cast what a reader made of a column to the type that went in."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return column if pa.types.is_list_view(kind) else column.cast(kind)  # Arrow's casts of views are wrong or missing


def plain(column, *, absent=()):
    """Rows as Python values, in which what the reader cannot tell from NULL is None."""
    if pa.types.is_temporal(column.type):  # Python's own times hold less
        column = column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64())
    return [_plain(value, absent) for value in column.to_pylist()]


def _plain(value, absent):
    if isinstance(value, list | tuple):
        inner = [_plain(each, absent) for each in value]
        return None if "list" in absent and all(each is None for each in inner) else inner
    if isinstance(value, float) and np.isnan(value):
        return None if "nan" in absent else "nan"
    if isinstance(value, str) and "text" in absent:
        return value.rstrip(" ") or None
    return None if isinstance(value, bytes) and not value and "list" in absent else value


@many
@given(tables())
@example([pa.array([2**60 + 1, None]), pa.array([2**64 - 1, None], pa.uint64()), pa.array([True, None])])
@example([pa.array([[1, None], [2**62 + 1]])])
def test_parquet_holds_what_went_in(columns):
    with tempfile.TemporaryDirectory() as folder:
        path = export_catalog(make_job(Path(folder), *columns))[0]
        ours = pq.read_table(path)
        simple = [f"x{place}" for place, column in enumerate(columns) if column.type in SIMPLE]
        by_pandas = pd.read_parquet(path, columns=simple)
        by_pandas_arrow = pd.read_parquet(path, dtype_backend="pyarrow")
        by_duckdb = duckdb.read_parquet(path).to_arrow_table()
    for place, column in enumerate(columns):
        name, kind, given_rows = f"x{place}", column.type, plain(column)
        assert plain(as_given(ours[name], kind)) == given_rows
        assert plain(as_given(pa.array(by_pandas_arrow[name]), kind)) == given_rows
        if kind in SIMPLE:
            rows = pa.array(by_pandas[name], kind, from_pandas=True)
            assert plain(rows, absent={"nan"}) == plain(column, absent={"nan"})
        if kind != pa.decimal256(60, 5):  # DuckDB has no decimals of more than 38 digits
            assert plain(as_given(by_duckdb[name], kind)) == given_rows


@many
@given(tables())
@example([pa.array([2**60 + 1, None]), pa.array([2**64 - 1, None], pa.uint64()), pa.array([True, None])])
@example([pa.array([-(2**63), None, 2**63 - 1]), pa.array([255, None, 0], pa.uint8())])
@example([pa.array(["\\xe9", "é", None, "\n"]), pa.array([[1.5], None, [], [1.5, None]])])
@example([pa.array([[1, None], [2**62 + 1, 3], None]), pa.array([[], [0], [1, None]], pa.list_(pa.timestamp("us")))])
def test_fits_holds_what_went_in_and_an_export_of_the_export_does_too(columns):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = export_catalog(make_job(folder, *columns), str(folder / "once.fits"))[0]
        once = Table.read(path)
        again = begun(folder / "again", path)
        twice = Table.read(export_catalog(again, str(folder / "twice.fits"))[0])
    assert twice.colnames == once.colnames
    for place, column in enumerate(columns):
        name, given_rows = f"x{place}", plain(column, absent={"nan", "text", "list"})
        assert from_fits(once[name], column) == given_rows
        assert from_fits(twice[name], column) == given_rows
        if column.type in NUMBERS and once[name].dtype.kind in "iuf":
            rows = pa.array(once[[name]].to_pandas()[name], from_pandas=True)
            assert plain(rows, absent={"nan"}) == given_rows


def from_fits(found, column):
    """Rows of a column that astropy read, in the type of the one that went in."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    rows = [decoded(value, kind, is_escaped(plain(column))) for value in found]
    return plain(pa.array(rows, kind), absent={"nan", "text", "list"})


def is_escaped(value):
    """Tell whether text is among these values that FITS cannot hold as it is."""
    if isinstance(value, list):
        return any(map(is_escaped, value))
    return isinstance(value, str) and any(not " " <= letter <= "~" for letter in value)


def decoded(value, kind, escaped):
    if value is None or value is np.ma.masked:
        return None
    if isinstance(value, str):
        if pa.types.is_map(kind):
            return [tuple(pair) for pair in json.loads(value)]
        if pa.types.is_nested(kind):
            return decoded(np.array(json.loads(value), dtype=object), kind, False)
        return read_text(value, kind, escaped)
    if isinstance(value, bytes):
        return read_text(value.decode(), kind, escaped)
    if isinstance(value, np.ndarray | list) and pa.types.is_nested(kind):
        return [decoded(each, kind.value_type, escaped) for each in value]
    if isinstance(value, np.ndarray):
        return None if np.ma.getmaskarray(value).any() else bytes(value.tolist()) or None  # FITS has no empty NULL
    if pa.types.is_decimal(kind):
        return decimal.Decimal(repr(value.item()))
    return bool(value) if pa.types.is_boolean(kind) else np.asarray(value).item()


def read_text(text, kind, escaped):
    if pa.types.is_decimal(kind):
        return decimal.Decimal(text)
    if pa.types.is_integer(kind):
        return int(text)
    if pa.types.is_temporal(kind):
        instant = pa.timestamp(kind.unit) if pa.types.is_time(kind) else kind
        return pa.array([f"1970-01-01T{text}" if pa.types.is_time(kind) else text]).cast(instant)[0].value
    return text.encode().decode("unicode_escape") if escaped else text


def test_the_fields_of_a_struct_are_columns_in_fits_and_stay_a_struct_in_parquet(tmp_path):
    column = pa.array([{"a": 2**60 + 1, "b": [1.5, 2.5]}, None, {"a": None, "b": [3.5, 4.5]}])
    job, said = make_job(tmp_path, column), []
    assert pq.read_table(export_catalog(job)[0])["x0"].to_pylist() == column.to_pylist()
    table = Table.read(export_catalog(job, str(tmp_path / "t.fits"), said.append)[0])
    assert [None if value is np.ma.masked else int(value) for value in table["x0.a"]] == [2**60 + 1, None, None]
    assert table["x0.b"].filled(-1).tolist() == [[1.5, 2.5], [-1, -1], [3.5, 4.5]]
    assert said == ["x0: fields are columns of their own: x0.a, x0.b"]


def test_integers_of_which_every_value_is_used_have_a_gap_all_the_same(tmp_path):
    column = pa.array([*range(256), None], pa.uint8())
    table = Table.read(export_catalog(make_job(tmp_path, column), str(tmp_path / "t.fits"))[0])
    assert table["x0"].tolist() == column.to_pylist()
    assert pc.count(column, mode="only_null").as_py() == np.sum(table["x0"].mask) == 1
