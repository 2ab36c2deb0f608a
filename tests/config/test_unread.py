"""What nothing reads in a job file is refused, with its line, the reason, and where it would count."""

from pathlib import Path
from typing import get_args

import pytest

from survey_batch.config.classifiers import classifier_kind
from survey_batch.config.job import Job
from survey_batch.config.jobfile import load_job
from survey_batch.config.survey import find_survey, survey_names
from survey_batch.core import plugins
from survey_batch.core.errors import ConfigurationError
from survey_batch.planning.plan import make_plan
from tests.jobs import lamost_job
from tests.lamost_files import make_archive

JOBS = Path(__file__).parents[2] / "jobs"

STAGES = {
    "sdss": ["frames", "cutouts", "features"],
    "lamost": ["spectra", "features"],
    "skyserver": ["composites"],
    "stamps": ["stamps"],
}


@pytest.fixture
def load(tmp_path):
    def write(survey: str, tables: str, *overrides: str, stages: list[str] | None = None):
        path = tmp_path / "job.toml"
        head = f'name = "a"\noutput = "o"\nstages = {stages or STAGES[survey]!r}\ncatalog.path = "c.csv"\n'
        path.write_text(head.replace("'", '"') + f'archive.survey = "{survey}"\narchive.root = "r"\n' + tables)
        return load_job(path, overrides)

    return write


@pytest.fixture
def refused(load):
    def ask(*args: str, **kwargs) -> str:
        with pytest.raises(ConfigurationError) as error:
            load(*args, **kwargs)
        return str(error.value)

    return ask


@pytest.mark.parametrize(
    ("survey", "tables", "key", "why"),
    [
        (
            "sdss",
            "[spectral_features]\nlines = false\nblocks = 3",
            "features",
            "stage 'features' reads [image_features]",
        ),
        ("lamost", "[image_features]\napertures = [3]", "image_features", "stage 'features' reads [spectral_features]"),
        ("sdss", "[spectra]\nwavelength_min = 4000", "spectra", "'sdss-spectra', and this one is 'sdss'"),
        ("lamost", "[cutouts]\nsize = 32", "cutouts", "'fits-images' or 'sdss', and this one is 'lamost'"),
        ("lamost", "[frames]", "frames", "'fits-images' or 'sdss', and this one is 'lamost'"),
        ("stamps", "[frames]\nkeep = false", "frames", "survey 'sdss', and this one is 'stamps'"),
        ("sdss", '[composites]\nbands = "irg"', "composites", "stage 'composites', which is not among stages"),
        ("sdss", "[composites]", "composites", "stage 'composites', which is not among stages"),
        ("skyserver", '[composites]\nsize = 64\nbands = "irg"', "composites.bands", "survey 'fits-images' or 'sdss'"),
        ("sdss", '[predictions]\nclassifier = "m"', "predictions", "stage 'predictions', which is not among stages"),
        ("sdss", "[cluster.gpu]\nmemory = '9 GB'", "cluster.gpu", "stage 'predictions', which is not among stages"),
        ("sdss", 'archive.layout = "plan"', "archive.layout", "'sdss-spectra', and this one is 'sdss'"),
        ("lamost", 'archive.release = "dr12"', "archive.release", "'sdss' or 'sdss-spectra', and this one is 'lamost'"),
        ("lamost", "catalog.detect = {}", "catalog.detect", "survey 'sdss', and this one is 'lamost'"),
        ("sdss", '[custom.a]\nfunction = "a:b"\ninput = "cutouts"\nvariables = ["flux"]', "custom.a", "not among"),
        ("sdss", '[cluster]\npartition = "x"', "cluster.partition", 'cluster.kind = "slurm", and that is "local"'),
        ("sdss", '[cluster]\nkind = "srun"\nwalltime = "4:00:00"', "cluster.walltime", 'cluster.kind = "slurm"'),
        ("sdss", '[cluster]\nkind = "slurm"\ntls_files = { ca = "a" }', "cluster.tls_files.ca", "running scheduler"),
        (
            "lamost",
            "[spectral_features]\nsmoothing_order = 2",
            "spectral_features.smoothing_order",
            "spectral_features.smoothing_window above 1",
        ),
        (
            "lamost",
            'catalog.match = { path = "x", by = "id", radius_arcsec = 2 }',
            "catalog.match.radius_arcsec",
            'catalog.match.by = "position"',
        ),
        ("lamost", 'catalog.match = { path = "x", id = "y" }', "catalog.match.id", 'catalog.match.by = "id"'),
        ("lamost", "catalog.split.cell_degrees = 2", "catalog.split.cell_degrees", 'group = "sky"'),
    ],
)
def test_what_nothing_reads_is_refused_with_line_and_reason(refused, survey, tables, key, why):
    message = refused(survey, tables.replace("'", '"'))
    assert f"{key}: nothing reads it: " in message
    assert why in message
    assert "line " in message
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    ("keys", "key", "why"),
    [
        ("epochs = 3", "epochs", "variant 'lines' or 'convolution' or 'published', and this one is 'forest'"),
        ('variant = "lines"\ntrees = 5', "trees", "variant 'forest', and this one is 'lines'"),
        ('variant = "published"\nmembers = 2', "members", "variant 'lines' or 'convolution'"),
        ("gan_steps = 10", "gan_steps", "train.gan = true"),
        ('kind = "stellar-image"\ncheckpoint = "c"', "checkpoint", "variant 'vit', and this one is 'cnn'"),
        ('kind = "stellar-image"\nproduct = "composites"\nsoftening = 1.0', "softening", 'product = "cutouts"'),
        (
            'kind = "stamp-type"\npatience = 3',
            "patience",
            "variant 'pca-mlp' or 'cnn-mlp', and this one is 'likelihood'",
        ),
        ('kind = "galaxy-quasar-star"\ncopies = 3', "copies", "'published-forest', and this one is 'convolution'"),
        ('kind = "galaxy-quasar-star"\ntemplates = "t"', "templates", "train.simulated above 0"),
    ],
)
def test_a_key_of_training_that_the_variant_does_not_read_is_refused(refused, keys, key, why):
    message = refused("lamost", f'[train]\nclassifier = "m"\n{keys}')
    assert f"train.{key}: nothing reads it: " in message
    assert why in message


@pytest.mark.parametrize("kind", plugins.offered(plugins.CLASSIFIERS))
def test_what_some_variants_read_are_keys_and_variants_that_there_are(kind):
    section = classifier_kind(kind).training
    variants = set(get_args(section.model_fields["variant"].annotation))
    assert {*section.read_by, *section.counts_with, *section.paths} <= set(section.model_fields)
    assert all(set(readers) < variants for readers in section.read_by.values())


def test_a_table_of_which_a_stage_reads_one_key_is_refused_by_the_other_key(refused, load):
    assert load("sdss", "[cutouts]\nivar = true", stages=["frames"]).cutouts.ivar
    message = refused("sdss", "[cutouts]\nivar = true\nsize = 32", stages=["frames"])
    assert "line 9: cutouts.size: nothing reads it: it is for stage 'cutouts'" in message


def test_what_an_override_leaves_unread_is_no_mistake_of_the_file(load):
    gpu = '[predictions]\nclassifier = "m"\n[cluster]\nkind = "slurm"\nwalltime = "4:00:00"\n[cluster.gpu]\n'
    stages = ["frames", "cutouts", "predictions"]
    assert load("sdss", gpu, 'stages=["frames"]', stages=stages).stages == ("frames",)
    assert load("sdss", gpu, "cluster.kind=local", stages=stages).cluster.kind == "local"
    assert (
        load(
            "lamost", '[spectral_features]\nbasis = "b"', "spectral_features.components=0"
        ).spectral_features.components
        == 0
    )


def test_what_the_file_already_left_unread_is_refused_with_other_overrides_too(refused):
    assert "line 8: spectral_features: nothing reads it" in refused(
        "sdss", "[cutouts]\n[spectral_features]\nlines = false", "cutouts.size=32"
    )


def test_an_override_that_nothing_reads_is_refused(refused):
    assert "--set archive.layout=plan: archive.layout: nothing reads it" in refused("sdss", "", "archive.layout=plan")


@pytest.mark.parametrize("path", sorted(JOBS.glob("*.toml")), ids=lambda path: path.name)
def test_the_jobs_that_come_with_the_package_hold_nothing_unread(path):
    assert load_job(path).name == path.stem


@pytest.mark.parametrize("survey", survey_names())
def test_the_jobs_that_init_writes_hold_nothing_unread(tmp_path, survey):
    path = tmp_path / "job.toml"
    path.write_text(find_survey(survey).example().replace("{name}", "a"))
    assert load_job(path).archive.survey == survey


@pytest.mark.parametrize("survey", survey_names())
def test_a_job_that_a_product_recorded_is_read_again_with_the_keys_that_were_not_set(tmp_path, survey):
    path = tmp_path / "job.toml"
    path.write_text(find_survey(survey).example().replace("{name}", "a"))
    job = load_job(path)
    assert Job.model_validate(job.model_dump(mode="json")) == job


def test_a_job_made_in_python_is_planned_with_a_note_of_what_nothing_reads(tmp_path):
    keys = make_archive(tmp_path / "archive", 4)
    plan = make_plan(
        lamost_job(keys, tmp_path / "out", ["spectra"], cutouts={"size": 32}, spectral_features={"blocks": 3})
    )
    assert plan.notes[-2:] == (
        "cutouts: nothing reads it: it is for survey 'fits-images' or 'sdss', and this one is 'lamost'; leave it out",
        "spectral_features: nothing reads it: it is for stage 'features', which is not among stages; add it there, or "
        "leave this out",
    )


@pytest.mark.parametrize("stages", [["spectra"], ["spectra", "features"]])
def test_a_job_with_all_its_defaults_filled_in_has_nothing_unread(tmp_path, stages):
    job = lamost_job(make_archive(tmp_path / "archive", 4), tmp_path / "out", stages)
    again = type(job).model_validate(job.model_dump(mode="json"))
    assert make_plan(again).notes == make_plan(job).notes
    assert not any("nothing reads" in note for note in make_plan(job).notes)


def test_a_former_name_is_told_with_the_new_one_beside_all_other_problems(refused):
    message = refused("sdss", 'archive.layout = "plan"\n[features]\nblocks = 3\n[spectra]\nkeep = false')
    assert "line 8: features has a new name: [spectral_features] for features of spectra, [image_features]" in message
    assert "archive.layout: nothing reads it" in message
    assert "spectra: nothing reads it" in message
    assert message.count("\n") == 3


def test_the_tables_of_stages_stand_by_themselves(refused):
    assert "line 7: tables is not a key of the job file: write the table of a stage at the top level" in refused(
        "sdss", "[tables.periodogram]\nbins = 3"
    )
