"""What an export changed is told once for each reason."""

from survey_batch.results.export.changes import SHOWN, Changes


def test_columns_are_listed_by_reason_in_their_order_and_once():
    changes = Changes()
    for reason, column in (("as text", "b"), ("NaN", "x"), ("as text", "a"), ("as text", "b")):
        changes.note(reason, column)
    assert changes.lines() == list(changes.short_lines()) == ["b, a: as text", "x: NaN"]


def test_the_terminal_names_some_and_the_file_all():
    changes = Changes()
    columns = [f"c{number}" for number in range(SHOWN + 2)]
    for column in columns:
        changes.note("as text", column)
    assert changes.lines() == [f"{', '.join(columns)}: as text"]
    assert list(changes.short_lines()) == [f"{', '.join(columns[:SHOWN])} and 2 more: as text"]


def test_a_column_without_a_name_is_told_as_one():
    changes = Changes()
    changes.note("as text", " ")
    assert changes.lines() == ["(a column without a name): as text"]


def test_nothing_changed_is_nothing_to_tell():
    assert Changes().lines() == list(Changes().short_lines()) == []
