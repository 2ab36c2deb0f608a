import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from survey_batch.config.job import ClusterSection
from survey_batch.config.sections.slurm_values import (
    OWN_ARGUMENTS,
    OWN_OPTIONS,
    OWN_SCHEDULER,
    asks_for_gpu,
    walltime_seconds,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30", 1800),
        ("90:30", 5430),
        ("1:00:00", 3600),
        ("2-0", 172800),
        ("1-12:30", 131400),
        ("1-00:00:01", 86401),
        ("UNLIMITED", math.inf),
        ("infinite", math.inf),
    ],
)
def test_time_limits_are_read_as_slurm_reads_them(text, seconds):
    assert walltime_seconds(text) == seconds


@given(st.integers(0, 20), st.integers(0, 23), st.integers(0, 59), st.integers(1, 59))
def test_days_hours_minutes_and_seconds_add_up(days, hours, minutes, seconds):
    text = f"{days}-{hours:02d}:{minutes:02d}:{seconds:02d}"
    assert walltime_seconds(text) == ((days * 24 + hours) * 60 + minutes) * 60 + seconds


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("walltime", "4h", 'write hours, minutes and seconds as "4:00:00"'),
        ("walltime", "4 hours", 'or "UNLIMITED"'),
        ("walltime", "1:2:3:4", "is not a time limit of SLURM"),
        ("walltime", "0", 'means no limit to SLURM: write "UNLIMITED"'),
        ("walltime", "", "is not a time limit of SLURM"),
        ("memory", "0", 'write, for example, "4 GB"'),
        ("memory", "4", 'write, for example, "4 GB"'),
        ("memory", "much", 'write, for example, "4 GB"'),
        ("memory", "-4 GB", 'write, for example, "4 GB"'),
    ],
)
def test_a_time_or_a_memory_that_is_none_is_refused_with_what_to_write(key, value, said):
    for keys in ({key: value}, {"gpu": {key: value}}):
        with pytest.raises(ValidationError) as error:
            ClusterSection(**keys)
        assert said in str(error.value)


@pytest.mark.parametrize(
    "directive",
    [
        "--gres=gpu:1",
        "--gres gpu:a100:2",
        "--gres=craynetwork:1,gpu:2",
        "--gpus=1",
        "--gpus 2",
        "--gpus-per-node=a100:1",
        "--gpus-per-task=1",
        "-G 1",
        "-G1",
        "--tres-per-task=gres/gpu:1",
        "--tres-per-job=cpu:4,gres:gpu:1",
    ],
)
def test_an_option_that_requests_a_gpu_asks_for_one(directive):
    assert asks_for_gpu(None, [directive])
    assert ClusterSection(kind="slurm", options={"job_extra_directives": [directive]}).wants_gpu


@pytest.mark.parametrize(
    "directive",
    [
        "--exclude=gpu01",
        "--exclude=gpu[01-04]",
        "--constraint=nogpu",
        "--constraint=gpu",
        "--partition=no-gpu",
        "--nodelist=gpu7",
        "--mem-per-gpu=40G",
        "--gpu-bind=none",
        "--comment=gpu:1",
        "--gres=craynetwork:1",
        "--gres=gpu:0",
        "--gpus=0",
    ],
)
def test_the_word_in_another_option_asks_for_none(directive):
    assert not asks_for_gpu(None, [directive])
    assert not ClusterSection(kind="slurm").model_copy(update={"directives": (directive,)}).wants_gpu


@pytest.mark.parametrize(("gres", "asked"), [("gpu:1", True), ("gpu:a100:4", True), ("gpu", True), ("nogpu:1", False)])
def test_a_generic_resource_is_a_gpu_by_its_name(gres, asked):
    assert asks_for_gpu(gres, []) == asked


@pytest.mark.parametrize("option", sorted(OWN_OPTIONS))
def test_an_option_that_would_replace_what_is_set_is_refused_by_name(option):
    with pytest.raises(ValidationError, match=f"{option} would replace what survey-batch sets"):
        ClusterSection(kind="slurm", options={option: "x"})


@pytest.mark.parametrize("argument", sorted(OWN_ARGUMENTS))
def test_an_argument_of_workers_that_would_replace_what_is_set_is_refused_by_name(argument):
    for arguments in ([argument, "x"], [f"{argument}=x"]):
        with pytest.raises(ValidationError, match=f"{argument} in worker_extra_args would replace"):
            ClusterSection(kind="slurm", options={"worker_extra_args": arguments})


@pytest.mark.parametrize("option", sorted(OWN_SCHEDULER))
def test_an_option_of_the_scheduler_that_would_open_it_is_refused_by_name(option):
    with pytest.raises(ValidationError, match=f"{option} in scheduler_options would replace"):
        ClusterSection(kind="slurm", options={"scheduler_options": {"port": 8800, option: "x"}})


@pytest.mark.parametrize("options", [{"scheduler_options": "port"}, {"job_script_prologue": "module load cuda"}])
def test_an_option_of_another_form_is_refused(options):
    with pytest.raises(ValidationError, match=next(iter(options))):
        ClusterSection(kind="slurm", options=options)


@pytest.mark.parametrize(
    ("directive", "key"),
    [
        ("--mem=8G", "cluster.memory"),
        ("--mem 8G", "cluster.memory"),
        ("-p gpu", "cluster.partition"),
        ("-pgpu", "cluster.partition"),
        ("--partition=gpu", "cluster.partition"),
        ("--time=1:00:00", "cluster.walltime"),
        ("-t 60", "cluster.walltime"),
        ("-A me", "cluster.account"),
        ("--qos=debug", "cluster.qos"),
        ("-q debug", "cluster.qos"),
        ("-c 4", "cluster.cores"),
        ("--ntasks=2", "cluster.workers"),
        ("-J mine", "leave it out"),
        ("--job-name=mine", "leave it out"),
        ("--requeue", "leave it out"),
        ("--constraint=haswell --mem=8G", "cluster.memory"),
    ],
)
def test_a_directive_that_repeats_what_a_key_says_is_refused_with_the_key(directive, key):
    for keys in ({"directives": [directive]}, {"options": {"job_extra_directives": [directive]}}):
        for table in (keys, {"gpu": keys}):
            with pytest.raises(ValidationError, match=f"in directives would replace what survey-batch sets.*{key}"):
                ClusterSection(kind="slurm", **table)


@pytest.mark.parametrize(
    "directive",
    ["--mem-per-gpu=40G", "--time-min=10", "--comment='-p and --mem'", "--nice=-5", "--hold", "--no-requeue"],
)
def test_a_directive_for_which_there_is_no_key_is_taken(directive):
    assert ClusterSection(kind="slurm", directives=[directive]).directives == (directive,)


@pytest.mark.parametrize("key", ["partition", "account", "qos", "gres", "interface", "walltime", "directives"])
@pytest.mark.parametrize("text", ["60\n", "60\nrm -rf .", "60\r\nid"])
def test_a_text_of_several_lines_never_gets_into_a_script(key, text):
    value = [text] if key == "directives" else text
    for table in ({key: value}, {"gpu": {key: value}}):
        with pytest.raises(ValidationError, match="has more than one line|is not a time limit"):
            ClusterSection(kind="slurm", **table)
