"""What SkyServer makes of a catalogue's rows: a position is enough."""

import numpy as np
import pyarrow as pa

from survey_batch.catalog.draft import Draft
from survey_batch.catalog.identifiers import position_names
from survey_batch.catalog.source import Rows
from survey_batch.surveys.skyserver.survey import SKYSERVER
from tests.jobs import archive_section

ARCHIVE = archive_section("skyserver", root="-")


def test_positions_are_all_that_it_needs():
    assert SKYSERVER.missing({}, ARCHIVE) == ["ra", "dec"]
    assert "needs these two columns" in SKYSERVER.purpose(ARCHIVE)
    draft = Draft(Rows(pa.table({"ra": [1.0, 2.0]})), {"ra": "ra"})
    key = SKYSERVER.read_key(draft, ARCHIVE)
    assert all(values.tolist() == [-1, -1] for values in key.values())
    assert draft.problem.tolist() == ["", ""]


def test_objects_may_be_named_by_their_position_alone():
    class Named:
        def numbers(self, name):
            return np.array({"ra": [10.5], "dec": [-0.25]}.get(name, [-1]))

    found = {how: names.to_pylist() for how, names in SKYSERVER.substitute_ids(Named())}
    assert list(found)[-1] == "the position"
    assert found["the position"] == position_names(np.array([10.5]), np.array([-0.25])).to_pylist()
