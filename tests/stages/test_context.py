"""What a stage is given, and what it may not ask for."""

from types import SimpleNamespace

import pytest

from survey_batch.config.sections.cluster import ClusterSection
from survey_batch.config.sections.images import CutoutsSection
from survey_batch.config.sections.spectra import SpectraSection
from survey_batch.config.survey import find_survey
from survey_batch.core.errors import ConfigurationError
from survey_batch.stages import make_stage
from survey_batch.stages.context import Context, Origin
from tests.jobs import archive_section, sdss_job


def context(*tables, **keys):
    return Context("own", tables, lambda name: SimpleNamespace(name=name), **keys)


def test_tables_are_found_by_their_kind_and_others_are_a_defect_of_the_stage():
    cutouts = CutoutsSection(size=32)
    made = context(ClusterSection(), cutouts)
    assert made.table(CutoutsSection) is made.find(CutoutsSection) is cutouts
    assert made.find(SpectraSection) is None
    with pytest.raises(LookupError, match="the kind of stage 'own' does not name SpectraSection in `reads`"):
        made.table(SpectraSection)


def test_in_a_notebook_there_is_no_archive():
    made = context()
    assert made.source_settings() == {}
    with pytest.raises(LookupError, match="stage 'own' was made without an archive"):
        _ = made.origin


def test_settings_of_an_archive_are_those_that_decide_values():
    archive = archive_section("sdss", root="/a", release="dr12", connections=2, timeout=1.0)
    found = context(source=Origin(find_survey("sdss"), archive)).source_settings()
    assert found == {"archive.survey": "sdss", "archive.root": "/a", "archive.release": "dr12"}


def test_a_survey_has_readers_of_its_own_files_alone():
    sdss = Origin(find_survey("sdss"), archive_section("sdss", root="/a"))
    assert sdss.images().bands == "ugriz"
    with pytest.raises(ConfigurationError, match="survey 'sdss' has no spectra"):
        sdss.spectra()
    lamost = Origin(find_survey("lamost"), archive_section("lamost", root="/a"))
    assert lamost.spectra().path
    with pytest.raises(ConfigurationError, match="survey 'lamost' has no frames"):
        lamost.images()


def test_a_stage_of_a_job_knows_what_comes_before_it():
    job = sdss_job("c", "/a", "out", stages=["frames", "cutouts", "composites"], shards={"objects": 7})
    made = make_stage(job, "composites").context
    assert made.before == ("frames", "cutouts")
    assert {"features", "predictions"} <= set(made.possible)
    assert (made.shard_rows, made.output) == (7, "out")
