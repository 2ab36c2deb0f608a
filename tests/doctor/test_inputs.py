import pytest

from survey_batch.config.sections.catalog import SplitSection
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.core.findings import Site, State
from survey_batch.doctor.inputs import catalogue_is_readable, classifier_fits, stages_fit
from survey_batch.planning.plan import make_plan
from tests.doctor.folders import write_classifier
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

SITE = Site("here")
PREDICTS = ("spectra", "predictions")


@pytest.fixture
def make_job(tmp_path):
    archive = make_archive(tmp_path / "archive", 20)

    def make(stages=("spectra",), **tables):
        model = {"classifier": str(tmp_path / "model")}
        return lamost_job(archive, tmp_path / "out", stages, predictions=model, **tables)

    return make


def spoil(job, rows):
    """Move some rows of the catalogue off the sky."""
    path = job.catalog.path
    with open(path) as stream:
        lines = stream.read().splitlines()
    for row in range(1, rows + 1):
        obsid, _, dec, *rest = lines[row].split("|")
        lines[row] = "|".join([obsid, str(900 + row), dec, *rest])
    with open(path, "w") as stream:
        stream.write("\n".join(lines) + "\n")


@pytest.mark.parametrize(("rows", "state"), [(0, State.OK), (1, State.OK), (2, State.WARNING)])
def test_a_catalogue_is_judged_by_its_share_of_rows_that_cannot_be_used(make_job, rows, state):
    job = make_job()
    spoil(job, rows)
    (finding,) = catalogue_is_readable(SITE, job)
    assert finding.state == state, finding
    assert finding.found.startswith("20 objects, ")
    if rows:
        assert f"{rows} of them ({rows / 20:.1%}) cannot be used" in finding.found
        assert f"mostly: ra must lie from 0 to 360 degrees ({rows})" in finding.found


def test_a_catalogue_that_cannot_be_used_at_all_is_refused_as_a_run_would(make_job):
    job = make_job()
    spoil(job, 20)
    with pytest.raises(ConfigurationError, match="no row of .* can be used, out of 20"):
        list(catalogue_is_readable(SITE, job))


def test_stages_fit_with_their_phases_and_memory(make_job):
    job = make_job(("spectra", "features"))
    stages, memory = stages_fit(SITE, job, make_plan(job))
    assert stages.found.endswith("phases: ingest, prepare")
    assert memory.state == State.OK
    assert "may have 4 GB" in memory.found
    stages, _ = stages_fit(SITE, job, make_plan(job), ["predictions"])
    assert "phases: ingest, prepare; predictions can be checked once there is a classifier" in stages.found


def test_workers_that_are_too_small_are_found_and_the_estimate_is_there_all_the_same(make_job):
    job = make_job(cluster={"memory": "200 MB"})

    def both():
        cost = yield from stages_fit(SITE, job, make_plan(job))
        yield cost

    _, memory, cost = both()
    assert memory.state == State.FAILED
    assert "cluster.memory is 200 MB" in memory.found
    assert not memory.advice, "what was found says what to change"
    assert cost.stored_bytes > 0


def test_a_whole_classifier_fits(make_job, tmp_path):
    job = make_job(PREDICTS)
    write_classifier(tmp_path / "model", job)
    (finding,) = classifier_fits(SITE, job)
    assert finding.state == State.OK
    assert "2 classes, 1 file, all as saved; takes spectra" in finding.found


def test_a_classifier_whose_file_was_changed_or_whose_product_is_another_is_refused(make_job, tmp_path):
    job = make_job(PREDICTS)
    write_classifier(tmp_path / "model", job)
    with pytest.raises(PlanMismatchError, match="wavelengths"):
        list(classifier_fits(SITE, make_job(PREDICTS, spectra={"wavelength_max": 8000})))
    (tmp_path / "model" / "network.keras").write_bytes(b"another")
    with pytest.raises(ConfigurationError, match="SHA-256 differs"):
        list(classifier_fits(SITE, job))


def test_a_classifier_that_the_job_will_train_is_no_failure_and_one_that_nobody_trains_is(make_job, tmp_path):
    train = {"kind": "spectral-type", "classifier": str(tmp_path / "model")}
    job = make_job(PREDICTS, train=train)
    divided = job.catalog.model_copy(update={"split": SplitSection(train=0.7, test=0.3)})
    (finding,) = classifier_fits(SITE, job.model_copy(update={"catalog": divided}))
    assert finding.state == State.WARNING
    assert "run --train" in finding.advice
    with pytest.raises(ConfigurationError, match="no trained classifier"):
        list(classifier_fits(SITE, make_job(PREDICTS)))


def test_what_a_job_lacks_to_train_is_said_before_the_run(make_job, tmp_path):
    train = {"kind": "quantities", "classifier": str(tmp_path / "model"), "columns": ["no_such"]}
    with pytest.raises(ConfigurationError, match="there is no column 'no_such'"):
        list(classifier_fits(SITE, make_job(PREDICTS, train=train)))
