"""astropy's descriptions of columns: units, types, and masks that would be overlooked."""

import pyarrow as pa
import pytest

from survey_batch.catalog.ecsv import described_columns, ecsv_column, ecsv_description
from survey_batch.core.errors import ConfigurationError

YAML = """\
---
datatype:
- {name: ra, unit: deg, datatype: float64, description: 'right
    ascension'}
- {name: n, datatype: int16}
schema: astropy-2.0
""".splitlines()


def test_columns_are_described_by_name():
    columns, notes = described_columns(YAML, "c.fits")
    assert notes == ()
    assert (columns["ra"].unit, columns["ra"].kind) == ("deg", pa.float64())
    assert columns["ra"].description == "right ascension"
    assert columns["n"].kind == pa.int16()
    assert described_columns([], "c.fits") == ({}, ())


def test_comments_of_a_text_file_are_read_without_their_sign():
    described = ecsv_description([f"# {line}" for line in YAML], "c.ecsv")
    assert list(described["datatype"]) == ["ra", "n"]


@pytest.mark.parametrize("lines", [["a: [1"], ["- 1"], ["a: 1"], ["datatype: 3"], ["datatype:", "- {unit: deg}"]])
def test_what_is_no_description_ends_a_text_file_and_is_passed_over_elsewhere(lines):
    with pytest.raises(ConfigurationError, match="the header of c.ecsv is not valid ECSV"):
        ecsv_description([f"# {line}" for line in lines], "c.ecsv")
    columns, (note,) = described_columns(lines, "c.fits")
    assert columns == {}
    assert note.startswith("astropy's description of the columns of c.fits is not valid YAML")


@pytest.mark.parametrize(
    ("described", "kind"),
    [
        ({"datatype": "bool"}, pa.bool_()),
        ({"datatype": "uint64"}, pa.uint64()),
        ({"datatype": "complex64"}, pa.string()),
        ({"datatype": "string", "subtype": "float32[2,3]"}, pa.list_(pa.list_(pa.float32(), 3), 2)),
        ({"datatype": "string", "subtype": "int16[null]"}, pa.list_(pa.int16())),
        ({"datatype": "string", "subtype": "int8[4, null]"}, pa.list_(pa.list_(pa.int8()), 4)),
        ({"datatype": "string", "subtype": "string[2]"}, pa.list_(pa.string(), 2)),
        ({"datatype": "string", "subtype": "json"}, pa.string()),
        ({"datatype": "string", "subtype": "complex128[2]"}, pa.string()),
        ({}, None),
    ],
)
def test_a_column_has_the_type_that_is_declared_or_is_text(described, kind):
    column = ecsv_column("a", described)
    assert column.kind == kind
    assert column.vector == ("subtype" in described)


def test_masks_in_columns_of_their_own_are_known_by_name():
    meta = [
        "meta:",
        "  __serialized_columns__:",
        "    n: {__class__: MaskedColumn, data: {name: n}, mask: {name: n.mask}}",
        "    ra: {__class__: Quantity, value: {data: {name: ra}, mask: {name: ra.mask}}}",
    ]
    columns, _ = described_columns([*YAML[:-1], *meta], "c.parquet")
    assert {name: column.mask for name, column in columns.items()} == {"ra": "ra.mask", "n": "n.mask"}
