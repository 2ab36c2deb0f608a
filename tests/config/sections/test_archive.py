"""The table that says where files are."""

import pytest
from pydantic import ValidationError

from survey_batch.config.sections.archive import ArchiveSection


def test_a_survey_must_be_installed():
    assert ArchiveSection(survey="sdss", root="é/").root == "é/"
    with pytest.raises(ValidationError, match=r"'lamots' is not known \(did you mean 'lamost'\?\)"):
        ArchiveSection(survey="lamots", root="-")


@pytest.mark.parametrize(
    ("key", "value"), [("connections", 0), ("pause", -1), ("pause", 11), ("attempts", 0), ("timeout", 0)]
)
def test_limits_that_make_no_sense_are_refused(key, value):
    with pytest.raises(ValidationError, match=key):
        ArchiveSection(survey="sdss", root="-", **{key: value})
