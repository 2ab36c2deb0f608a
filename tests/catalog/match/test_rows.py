"""Columns of partners come in the order of the catalogue's rows, however both are cut into batches."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.catalog.match import rows
from survey_batch.catalog.match.partners import Partners
from survey_batch.catalog.match.rows import beside, partner_columns
from survey_batch.catalog.source import Column, Rows, Source


def source_of(table, size):
    def batches(names):
        for first in range(0, max(len(table), 1), size):
            yield Rows(table.slice(first, size).select(names))

    return Source("", tuple(map(Column, table.column_names)), batches)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_rows_have_the_values_of_their_partners(data):
    other = data.draw(st.integers(1, 12))
    partner = data.draw(st.lists(st.integers(-1, other - 1), max_size=12))
    size, mine, spooled = (data.draw(st.integers(1, 5)) for _ in range(3))
    kinds = pa.array([f"k{number % 3}" for number in range(other)]).dictionary_encode()
    table = pa.table({"number": np.arange(other), "kind": kinds})
    partners = Partners.none(len(partner), other)
    partners.row[:] = partner
    own = source_of(pa.table({"row": np.arange(len(partner))}), mine)
    before, rows.BATCH_ROWS = rows.BATCH_ROWS, spooled
    try:
        columns = partner_columns(source_of(table, size), ["kind", "number"], partners)
        found = list(beside(own.batches(["row"]), columns))
    finally:
        rows.BATCH_ROWS = before
    assert all(here.table.num_rows == there.num_rows for here, there in found)
    whole = pa.concat_tables([there for _, there in found])
    assert whole["number"].to_pylist() == [None if row < 0 else row for row in partner]
    assert whole["kind"].to_pylist() == [None if row < 0 else f"k{row % 3}" for row in partner]
