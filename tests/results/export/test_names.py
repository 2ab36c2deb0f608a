import string

from hypothesis import given
from hypothesis import strategies as st

from survey_batch.results.export.changes import Changes
from survey_batch.results.export.names import fits_names, parquet_names, plain_names


def test_names_of_parquet_columns_stay_but_for_what_is_missing_or_there_twice():
    changes = Changes()
    names = parquet_names(["µ_colour", "ra", "ra", "RA", "ra_2", ""], changes)
    assert names == ["µ_colour", "ra", "ra_3", "RA", "ra_2", "column_6"]
    assert changes.lines() == ["ra: named 'ra_3'", "(a column without a name): named 'column_6'"]


def test_names_of_fits_columns_are_spelled_in_ascii_and_differ_by_more_than_case():
    changes = Changes()
    given_names = ["µ_colour", "δ", "Ångström", "ra", "RA", "", "x" * 80, "x" * 70, "日"]
    names = fits_names(given_names, changes)
    assert names == ["mu_colour", "delta", "Angstrom", "ra", "RA_2", "column_6", "x" * 68, "x" * 66 + "_2", "_"]
    assert "µ_colour: named 'mu_colour'" in changes.lines()


@given(st.lists(st.one_of(st.text(max_size=80), st.sampled_from(["a", "A", "a_2", "A_2", "", "é", "'" * 40]))))
def test_every_name_of_a_fits_column_fits_on_a_card_and_is_there_once(names):
    ours = fits_names(names, Changes())
    assert len({name.lower() for name in ours}) == len(names)
    for name in ours:
        assert set(name) <= set(string.printable[:95])
        assert 0 < len(name.replace("'", "''")) <= 68
        assert name == name.strip()


@given(st.lists(st.sampled_from(["a", "a_2", "A", "", "b", "column_1"])))
def test_every_name_of_a_parquet_column_is_there_once(names):
    ours = parquet_names(names, Changes())
    assert len(set(ours)) == len(names)
    assert all(new == old for new, old in zip(ours, names, strict=True) if names.count(old) == 1 and old)


def test_names_are_made_plain_and_differ():
    assert plain_names(["K/M", "K M", "k_m", "µ", "(?)", "É"]) == ["K_M_2", "K_M_3", "k_m", "mu", "column_5", "E"]
