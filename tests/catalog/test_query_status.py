from io import BytesIO

import pytest
from astropy.io.votable import from_table

from survey_batch.core.errors import ConfigurationError
from tests.catalog.sky import assert_read, read_sky, sky_table

HEAD = (
    '<?xml version="1.0"?><VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">'
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "result.vot"


def write(path, old, new):
    buffer = BytesIO()
    from_table(sky_table()).to_xml(buffer)
    path.write_text(buffer.getvalue().decode().replace(old, new))


@pytest.mark.parametrize("place", ["<TABLE>", "</RESOURCE>", "</TABLE>"])
def test_a_result_that_was_cut_off_is_refused_unless_the_job_says_that_it_knows(path, place):
    info = '<INFO name="QUERY_STATUS" value="OVERFLOW">limit of 3 rows</INFO>'
    write(path, place, info + place)
    with pytest.raises(
        ConfigurationError, match=r"cut it off \(QUERY_STATUS OVERFLOW: limit of 3 rows\).*accept_overflow"
    ):
        read_sky(path)
    catalog = read_sky(path, accept_overflow=True)
    assert_read(catalog)
    assert "is not the whole result" in catalog.notes[0]


@pytest.mark.parametrize(
    "info",
    [
        '<INFO name="QUERY_STATUS" value="ERROR">unknown table sdss</INFO>',
        '<INFO ID="Error" name="Error" value="unknown table sdss"/>',
    ],
)
def test_the_error_of_a_server_is_shown_in_its_words(path, info):
    path.write_text(f"{HEAD}{info}</RESOURCE></VOTABLE>")
    with pytest.raises(ConfigurationError, match="a server's error, not a result: unknown table sdss"):
        read_sky(path)


def test_a_whole_result_needs_no_note(path):
    write(path, "<TABLE>", '<INFO name="QUERY_STATUS" value="OK"/><TABLE>')
    assert read_sky(path).notes == ()
