"""Every row gets an id of its own, whatever ids the file has."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog.naming import make_unique, name_objects
from survey_batch.catalog.objects import Objects
from survey_batch.config.survey import find_survey

SDSS = find_survey("sdss")


def objects(ids, ra=None, dec=None, usable=None, name="objid", **columns):
    count = len(ids)
    table = {
        "row": np.arange(100, 100 + count),
        "ra": np.zeros(count) if ra is None else np.array(ra, float),
        "dec": np.zeros(count) if dec is None else np.array(dec, float),
        **{column: np.full(count, -1) for column in ("plate", "mjd", "fiberid", "run", "camcol", "field")},
        **{column: np.array(values) for column, values in columns.items()},
        "id": pa.array(ids, pa.string()),
    }
    usable = np.ones(count, bool) if usable is None else np.array(usable)
    return Objects(pa.table(table), {"object_id": name}, usable, {})


IDS = st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "a#2", "row-101"])), max_size=8)


@given(IDS.flatmap(lambda ids: st.tuples(st.just(ids), st.lists(st.booleans(), min_size=len(ids), max_size=len(ids)))))
def test_ids_are_made_unique_and_the_first_usable_row_of_an_id_keeps_it(case):
    ids, usable = case
    rows = objects(ids, usable=usable)
    unique = make_unique(rows, pa.array(ids, pa.string())).to_pylist()
    assert len(set(unique)) == len(ids)
    assert None not in unique
    for name in set(ids) - {None, "row-101"}:
        holders = [place for place, own in enumerate(ids) if own == name]
        keeper = next((place for place in holders if usable[place]), holders[0])
        assert unique[keeper] == name or "#" in name
        assert all(not rows.usable[place] for place in holders if place != keeper)


def test_a_repeat_is_numbered_and_says_which_row_it_repeats():
    rows = objects(["x", "y", "x", "x"], usable=[False, True, True, True])
    assert make_unique(rows, pa.array(["x", "y", "x", "x"])).to_pylist() == ["x#2", "y", "x", "x#3"]
    assert rows.usable.tolist() == [False, True, True, False]
    assert rows.reasons[103] == "same object_id as row 102: the same object again"
    assert rows.notes == [
        "2 of 4 rows with the id of another: the first usable one keeps it, the others are invalid; to keep all, "
        "name a column that differs in each row: [catalog] id"
    ]


def test_a_row_without_an_id_is_named_after_its_number():
    assert make_unique(objects([None, "x"]), pa.array([None, "x"], pa.string())).to_pylist() == ["row-100", "x"]


def test_ids_of_the_file_are_kept_where_they_are_sound():
    rows = objects(["1237648720693755918", "1237648720693755919"])
    assert name_objects(rows, SDSS).to_pylist() == ["1237648720693755918", "1237648720693755919"]
    assert rows.notes == []
    assert rows.usable.all()


def test_an_id_of_two_objects_gets_the_position_in_each_row_and_one_of_one_object_none():
    rows = objects(["a", "a", "b", "b"], ra=[10, 11, 20, 20], dec=[0, 0, 0, 2 / 3600])
    names = name_objects(rows, SDSS).to_pylist()
    assert names == ["a-J004000.00+000000.0", "a-J004400.00+000000.0", "b", "b"]
    assert rows.notes == ["2 rows share their id with an object elsewhere on the sky: the position is added to the id"]


def test_ids_that_a_survey_writes_for_no_object_are_none():
    spectra = {"plate": [266, 266], "mjd": [51630, 51630], "fiberid": [7, 8]}
    rows = objects(["-9999", "0"], name="objid", **spectra)
    assert name_objects(rows, SDSS).to_pylist() == ["0266-51630-0007", "0266-51630-0008"]
    assert rows.notes == ["2 of 2 rows without a usable id: one is made from plate-mjd-fiberid"]
    assert name_objects(objects(["-9999", "0"], name="id", **spectra), SDSS).to_pylist() == ["0266-51630-0007", "0"]


def test_ids_that_lost_their_digits_are_not_used():
    field = {"run": [94, 94], "camcol": [1, 1], "field": [11, 11]}
    rows = objects(["1.23764872069376E+18", "1.23764872069376E+18"], ra=[10, 11], **field)
    names = name_objects(rows, SDSS).to_pylist()
    assert names == ["000094-1-0011-J004000.00+000000.0", "000094-1-0011-J004400.00+000000.0"]
    assert "column 'objid' was written as floating point and has lost digits (2 of 2 rows" in rows.notes[0]


def test_a_row_of_which_no_id_can_be_made_is_unusable():
    rows = objects([None, "x"], ra=[np.nan, 1.0])
    assert name_objects(rows, SDSS).to_pylist() == [None, "x"]
    assert rows.usable.tolist() == [False, True]
    assert rows.reasons == {100: "no identifier, and no columns to make one from"}
