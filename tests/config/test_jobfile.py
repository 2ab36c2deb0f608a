import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from survey_batch.config.job import Job
from survey_batch.config.jobfile import load_job, locate_keys
from survey_batch.core.errors import ConfigurationError

GOOD = """\
name = "sdss-stars"
output = "runs/sdss-stars"
stages = ["frames", "cutouts"]

[catalog]
path = "catalog.csv"

[archive]
survey = "sdss"
root = "https://example.org/dr17"
"""


@pytest.fixture
def job_file(tmp_path):
    def write(text: str):
        path = tmp_path / "job.toml"
        path.write_text(text)
        return path

    return write


def problems_of(path, *overrides: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        load_job(path, overrides)
    return str(error.value)


def test_a_good_file_gives_a_job_with_defaults(job_file):
    job = load_job(job_file(GOOD))
    assert job.stages == ("frames", "cutouts")
    assert job.archive.connections == 8


def test_a_dumped_job_is_json_and_reads_back_the_same(job_file):
    job = load_job(job_file(GOOD))
    assert Job.model_validate(json.loads(json.dumps(job.model_dump(mode="json")))) == job


def test_a_byte_order_mark_and_windows_line_ends_are_understood(tmp_path):
    path = tmp_path / "job.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_job(path).name == "sdss-stars"


@pytest.mark.parametrize(
    ("override", "table", "key", "value"),
    [
        ("cutouts.size=32", "cutouts", "size", 32),
        ("frames.keep=false", "frames", "keep", False),
        ("catalog.path=other file.csv", "catalog", "path", "other file.csv"),
        ('catalog.path="quoted.csv"', "catalog", "path", "quoted.csv"),
        ("catalog.id=2026", "catalog", "id", "2026"),
        ("catalog.columns.ra=RAJ2000", "catalog", "columns", {"ra": "RAJ2000"}),
        ("archive.root=s3://bucket/a=b", "archive", "root", "s3://bucket/a=b"),
        ("cluster.memory=2 GB", "cluster", "memory", "2 GB"),
        ("catalog.split={train = 0.5, test = 0.5}", "catalog", "split", None),
    ],
)
def test_an_override_replaces_a_key(job_file, override, table, key, value):
    found = getattr(getattr(load_job(job_file(GOOD), [override]), table), key)
    assert found.train == 0.5 if value is None else found == value


@pytest.mark.parametrize(
    ("right", "wrong", "line"),
    [("root =", "roto =", 10), ("path =", "pth =", 6), ("output =", "outptu =", 2), ("[archive]", "[archiv]", 8)],
)
def test_a_misspelt_key_that_is_needed_is_told_once(job_file, right, wrong, line):
    said = problems_of(job_file(GOOD.replace(right, wrong)))
    word = right.strip("[] =")
    assert "1 problem\n" in said
    assert f"line {line}: " in said
    assert f"(did you mean {word!r}?)" in said


def test_a_key_that_is_missing_beside_an_unknown_one_is_told_too(job_file):
    said = problems_of(job_file(GOOD.replace("root =", "colour =")))
    assert "archive.root is missing" in said
    assert "archive.colour is not a key" in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("workers = true", "line 12: cluster.workers is true, but must be a whole number"),
        (
            "workers = 1_000_000",
            "line 12: cluster.workers = 1,000,000 is more than a machine runs: write 1,024 at most",
        ),
        (
            "threads = 1_000_000",
            "line 12: cluster.threads = 1,000,000 is more than a machine runs: write 1,024 at most",
        ),
        ("gpu = {threads = true}", "line 12: cluster.gpu.threads is true, but must be a whole number"),
    ],
)
def test_numbers_of_workers_and_threads_are_numbers_that_a_machine_can_have(job_file, line, said):
    assert said in problems_of(job_file(f"{GOOD}[cluster]\n{line}\n"))


def test_the_last_override_wins(job_file):
    assert load_job(job_file(GOOD), ["cutouts.size=32", "cutouts.size=16"]).cutouts.size == 16


def test_every_problem_is_listed_with_its_line(job_file):
    message = problems_of(
        job_file(
            GOOD.replace('path = "catalog.csv"', 'path = 3\nlable = "class"').replace('"cutouts"]', '"cutout"]')
            + 'conections = 3\n[cutouts]\nsize = "big"\n[predictions]\n[catalog.split]\ntrain = 0.9\n'
        )
    )
    assert "job.toml: 7 problems" in message
    assert "line 3: stages: 'cutout' is not a stage (did you mean 'cutouts'?)" in message
    assert "line 6: catalog.path is 3, but must be text" in message
    assert "line 7: catalog.lable is not a key of [catalog] (did you mean 'label'?)" in message
    assert "line 12: archive.conections is not a key of [archive] (did you mean 'connections'?)" in message
    assert "line 14: cutouts.size is 'big', but must be a whole number" in message
    assert "line 15: predictions.classifier is missing" in message
    assert "line 17: catalog.split.train: train, validation and test must sum to 1" in message


def test_missing_tables_say_what_they_need(job_file):
    message = problems_of(job_file(""))
    assert "archive is missing: write a table [archive] with survey and root" in message
    assert "name is missing" in message


def test_a_key_of_another_table_is_pointed_there(job_file):
    assert "did you mean shards.objects?" in problems_of(job_file(GOOD + "[cutouts]\nobjects = 3\n"))


def test_a_check_between_tables_names_the_line(job_file):
    message = problems_of(job_file(GOOD.replace('"frames", "cutouts"', '"spectra"')))
    assert "line 3: stages: 'spectra' is not a stage of survey 'sdss'; allowed: frames" in message


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ('stages=["cutouts", "spectra"]', "'spectra' is not a stage of survey 'sdss'"),
        ('stages=["cutouts", "frames"]', "stages must be named once each, in this order"),
        ("cluster.kind=cloud", "cluster.kind = 'cloud' is not known"),
        ("spectral_features.smoothing_window=2", "spectral_features.smoothing_window must be odd"),
        ("stages=[]", "stages is [], but must not be empty"),
    ],
)
def test_a_key_is_named_once(job_file, override, said):
    problems = problems_of(job_file(GOOD), override)
    assert said in problems
    assert "stages: stages" not in problems
    assert "kind: cluster.kind" not in problems
    assert "window: smoothing_window" not in problems


def test_problems_of_overrides_name_the_override(job_file):
    message = problems_of(job_file(GOOD), "cutouts.size=0", "cutouts.sice=3", "name.x=1", "nonsense", "=3")
    assert "--set cutouts.size=0: cutouts.size is 0; must be greater than or equal to 1" in message
    assert "--set cutouts.sice=3: cutouts.sice is not a key of [cutouts] (did you mean 'size'?)" in message
    assert "--set name.x=1: 'name' is a value, not a table" in message
    assert "--set nonsense: write it as table.key=value" in message
    assert "--set =3: write it as table.key=value" in message


def test_environment_variables_in_paths_are_expanded(job_file, monkeypatch):
    monkeypatch.setenv("SCRATCH", "/scratch/me")
    job = load_job(job_file(GOOD), ["output=$SCRATCH/run", "archive.cache=${SCRATCH}/cache"])
    assert (job.output, job.archive.cache) == ("/scratch/me/run", "/scratch/me/cache")


def test_a_tilde_at_the_beginning_of_a_path_is_the_home_folder(job_file, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    for path, meant in (("~/run", "/home/ada/run"), ("runs/~/a", "runs/~/a"), ("s3://b/~/a", "s3://b/~/a")):
        assert load_job(job_file(GOOD), [f"output={path}"]).output == meant


def test_environment_variables_in_the_path_of_a_second_list_are_its_own(job_file, monkeypatch):
    monkeypatch.setenv("SCRATCH", "/scratch/me")
    job = load_job(job_file(GOOD), ["catalog.match.path=$SCRATCH/second.csv"])
    assert job.catalog.match.path == "/scratch/me/second.csv"
    monkeypatch.delenv("SCRATCH")
    assert "catalog.match" not in problems_of(job_file(GOOD), "catalog.path=$SCRATCH/first.csv")


@pytest.mark.parametrize("key", ["output", "catalog.path", "archive.root"])
def test_an_empty_path_is_refused_by_its_key(job_file, key):
    assert f"{key}: it is empty: name a path or an address" in problems_of(job_file(GOOD), f"{key}= ")


def test_an_environment_variable_that_is_not_set_is_refused(job_file, monkeypatch):
    monkeypatch.delenv("SCRATCH", raising=False)
    text = GOOD.replace("runs/", "$SCRATCH/")
    assert "line 2: output names the environment variable SCRATCH, which is not set" in problems_of(job_file(text))


@pytest.mark.parametrize(
    ("text", "line", "shown"),
    [("a = 1\nb = frames\n", 2, "b = frames"), ("a = 1\na = 2\n", 2, "a = 2"), ("[a]\nb = 1\n[a\n", 3, "[a")],
)
def test_invalid_toml_names_the_line_and_shows_it(job_file, text, line, shown):
    message = problems_of(job_file(text))
    assert f"line {line}: not valid TOML" in message
    assert message.endswith(shown)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a = 1\na = 2\n", "it is in the file already; write it once"),
        ("[a]\nb = 1\n[a]\n", "it is in the file already; write it once"),
        ("a = [1]\n[[a]]\n", "it is in the file already; write it once"),
        ('a = "D:\\spectra"\n', "write a path with \\ in single quotes, or with /"),
        ("a = frames\n", "text needs quotes"),
    ],
)
def test_what_to_do_about_invalid_toml_depends_on_what_is_wrong(job_file, text, hint):
    assert hint in problems_of(job_file(text))


@pytest.mark.parametrize(
    ("value", "said"), [("1" * 5000, "a number has thousands of digits"), ("[" * 5000 + "]" * 5000, "lie too deep")]
)
def test_what_the_parser_of_toml_cannot_take_is_told(job_file, value, said):
    assert said in problems_of(job_file(f"{GOOD}\n[more]\na = {value}\n"))
    with pytest.raises(ConfigurationError, match=r"shards\.objects"):
        load_job(job_file(GOOD), [f"shards.objects={value}"])


def test_a_missing_file_suggests_its_neighbour(job_file):
    path = job_file(GOOD)
    assert f"did you mean {path}?" in problems_of(path.with_name("jop.toml"))
    assert f"did you mean {path}?" in problems_of(path.with_name("jop"))
    assert "did you mean" not in problems_of(path.with_name("my.toml"))


def test_a_folder_and_a_binary_file_are_refused_in_words(tmp_path):
    assert "cannot read job file" in problems_of(tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text" in problems_of(tmp_path / "binary")


def test_lines_of_all_kinds_of_keys_are_found():
    text = '''\
# a = "comment"
a.b = 1
"quoted.key" = """
x = 2
"quotes" in \\""" text"""
'single' = \'\'\'
[no.table]
\'\'\'
list = [ # comment ]
  "]", "#",
  {x = 1, y.z = "}"},
]
[t . "u"]
v = 2026-01-01 10:00:00
[[many]]
k = 1
[many.inner]
l = 1
[[many]]
k = 2
'''
    lines = locate_keys(text)
    assert lines["a", "b"] == 2
    assert lines["quoted.key",] == 3
    assert lines["single",] == 6
    assert lines["list",] == 9
    assert lines["list", 2, "y", "z"] == 11
    assert (lines["t", "u"], lines["t", "u", "v"]) == (13, 14)
    assert (lines["many", 0, "k"], lines["many", 0, "inner", "l"], lines["many", 1, "k"]) == (16, 18, 20)
    assert ("x",) not in lines
    assert ("no",) not in lines


names = st.text("abc_-", min_size=1, max_size=4)
values = st.one_of(
    st.integers(), st.booleans(), st.text(max_size=8), st.lists(st.text(max_size=4) | st.integers(), max_size=3)
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(names, values, min_size=1, max_size=6))
def test_the_line_of_each_key_is_where_it_was_written(table):
    lines = locate_keys("\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items()))
    assert [lines[key,] for key in table] == list(range(1, len(table) + 1))


def test_a_misspelt_key_of_a_users_own_stage_is_pointed_out(job_file):
    custom = '[custom.mine]\nfunction = "a.py:f"\ninptu = "cutouts"\nvariables = ["flux"]\n'
    message = problems_of(job_file(GOOD.replace('"cutouts"]', '"cutouts", "mine"]') + custom))
    assert "custom.mine.inptu is not a key of [custom.mine] (did you mean 'input'?)" in message


@pytest.mark.parametrize(
    ("name", "input_", "said"),
    [
        ("features", "cutouts", "line 17: custom.features: choose another name"),
        ("mine", "frames", "line 17: custom.mine: its input 'frames' must be a stage that comes before it"),
    ],
)
def test_a_stage_of_a_users_own_that_cannot_be_has_the_line_of_its_table(job_file, name, input_, said):
    table = '[custom.{}]\nfunction = "a.py:f"\ninput = "{}"\nvariables = ["flux"]\n'
    tables = f"\n{table.format('other', 'cutouts')}\n{table.format(name, input_)}"
    assert said in problems_of(job_file(GOOD.replace('"cutouts"]', f'"cutouts", "{name}"]') + tables))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('kind = "tabel"', "train.kind: 'tabel' is not known (did you mean 'table'?); there are adopted, galaxy"),
        ('kind = "table"\nepoch = 3', "train.epoch is not a key of [train] of kind 'table' (did you mean 'epochs'?)"),
        ('kind = "table"\ntemplates = "t.fits"', "train.templates is not a key of [train] of kind 'table'"),
        ("epochs = 0", "train.epochs is 0; must be greater than 0"),
        ('variant = "magic"', "train.variant is 'magic'; allowed: 'forest', 'lines'"),
        ("prior = {A = 0.4, F = 0.4}", "the shares of a prior must sum to 1"),
    ],
)
def test_a_wrong_key_of_a_kind_of_training_is_named(job_file, lines, said):
    assert said in problems_of(job_file(f'{GOOD}\n[train]\nclassifier = "model"\n{lines}\n'))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("catalog.units.foo=deg", "catalog.units.foo is not a key of [catalog.units]; allowed: ra or dec"),
        ("catalog.select.magnitudes.q=[1, 2]", "is not a key of [catalog.select.magnitudes]; allowed: u, g, r, i or z"),
    ],
)
def test_a_key_of_a_table_of_few_is_refused_by_its_own_name(job_file, override, said):
    message = problems_of(job_file(GOOD), override)
    assert said in message
    assert "[key]" not in message
