"""The reference has every key, column, verb, product, feature, status and public name, each with a text."""

import re
import tomllib
from typing import Annotated

import pytest
from pydantic import TypeAdapter

import survey_batch
from docs.from_code import MAKERS, answers, api, columns, commands, features, keys, made, messages, products, steps
from docs.from_code.types import type_in_words
from survey_batch.config.sections.base import Section
from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.config.sections.spectra import SpectralFeaturesSection
from survey_batch.config.survey import possible_stages
from survey_batch.core.status import Status
from survey_batch.images.feature_names import feature_names as names_of_images
from survey_batch.models.input_pipeline import STEPS, usage
from survey_batch.spectra.features import feature_names as names_of_spectra

KEYS = [(table, entry) for table, entries in keys.entries() for entry in entries]


def sections(kind=Section):
    for model in kind.__subclasses__():
        if model.__module__.startswith("survey_batch."):
            yield model
        yield from sections(model)


def test_every_key_of_every_table_of_the_job_file_is_in_the_reference():
    models = {table.model for table, _ in KEYS}
    told = {(table.model, entry.name.rpartition(".")[2]) for table, entry in KEYS}
    told |= {(base, name) for model, name in told for base in model.__mro__}
    shown = {path.rpartition(".")[2] for path in keys.NOT_WRITTEN}
    for model in sections():
        known = any(issubclass(one, model) for one in models)
        assert known, f"the reference of the job file lacks the table of {model.__name__}"
        own = [name for name in model.model_fields if name in model.__annotations__ and name not in shown]
        tables = {table.name.split(".")[-1] for table, _ in KEYS} | {"custom"}
        lacking = [name for name in own if (model, name) not in told and name not in tables]
        assert not lacking, f"the reference of the job file lacks keys of {model.__name__}: {lacking}"


@pytest.mark.parametrize(("table", "entry"), KEYS, ids=[entry.target for _, entry in KEYS])
def test_every_key_has_a_type_a_meaning_and_a_valid_example(table, entry):
    name = entry.name.rpartition(".")[2]
    assert entry.meaning, f"write what {entry.name} means below it in {table.model.__name__}"
    assert entry.example, f"give an example of {entry.name}: Annotated[…, Field(examples=[…])]"
    assert entry.facts[0] != "any value"
    info = table.model.model_fields[name]
    value = tomllib.loads(entry.example)[name]
    TypeAdapter(Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation).validate_python(value)


def test_a_key_says_who_reads_it():
    facts = {entry.name: " · ".join(entry.facts) for table, entry in KEYS if not table.of}
    assert "stage `cutouts` of `fits-images`, `sdss`" in facts["cutouts.size"]
    assert "unit: pixel" in facts["cutouts.size"]
    assert "whole number from 1 to 1,024" in facts["cutouts.size"]
    assert 'cluster.kind `"slurm"`' in facts["cluster.walltime"]
    assert "survey `sdss`" in facts["catalog.detect.band"]
    assert "**must be set**" in facts["archive.root"]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "exclusiveMinimum": 0}, "whole number from 1"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 90}, "number above 0 to 90"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        ({"enum": ["a", "b"]}, '`"a"` or `"b"`'),
        ({"type": "array", "items": {"type": "string"}, "minItems": 1}, "list of text, at least 1"),
        ({"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}]}, "list of 2: each number"),
    ],
)
def test_types_are_told_in_words(schema, words):
    assert type_in_words(schema) == words


def test_every_verb_and_option_has_a_text():
    for name, command in commands.verbs():
        assert command.help, name
        assert [option for option, text, _ in commands.options(command) if not text] == [], name
        assert f"## `{name}`" in MAKERS["commands"]()
        assert "Example:" in command.help, f"{name} --help shows no example"


def test_every_verb_has_its_answer_to_json_and_every_key_of_it_a_text():
    assert {name for name, _ in commands.verbs()} == {*answers.ANSWERS, *answers.SCORES} - {answers.COMMON}
    page = MAKERS["answers"]()
    for verb, parts in answers.ANSWERS.items():
        told = [key for part in parts for key in answers.keys(part)]
        assert [path for path, words, text in told if not (words and text)] == [], verb
        assert all(f"| `{path}` |" in page for path, _, _ in told)


def test_an_answer_has_the_type_and_the_text_of_its_keys():
    told = {path: (words, text) for part in answers.ANSWERS["status"] for path, words, text in answers.keys(part)}
    assert told["stages[].pace"][0] == "object or null"
    assert told["seconds_left"][0] == "number or null"
    assert told["counts"][0] == "object of whole numbers"
    assert told["stages[].pending"][1] == "Rows not done yet."


def test_every_class_of_error_is_in_the_reference_with_what_follows_from_it():
    written = {
        name
        for file in messages.ROOT.rglob("*.py")
        for name, base in re.findall(r"^class (\w+)\((\w+)\)", file.read_text(encoding="utf-8"), re.MULTILINE)
        if base in messages.errors()
    }
    page = messages.page()
    assert {*written, "SurveyBatchError"} == set(messages.errors())
    assert all(f"## `{name}`" in page for name in messages.errors())
    assert "#error-planmismatcherror) | The output holds the products of another plan. Exit code `3`. |" in page
    assert "[`not_found`](statuses.md)" in page


@pytest.mark.parametrize(
    ("kind", "place", "text"),
    [
        ("ConfigurationError", "archive", "archive.root …: there is no such bucket"),
        ("ConfigurationError", "config", "name each band once"),  # of a value in the job file
        ("InvalidError", "catalog", "… is missing: a cutout needs a position"),  # of a row
        ("SurveyBatchError", "cluster", "looking after worker jobs failed (…: …)"),
        ("UnreadableError", "surveys.stamps", "stamps of … x … pixels, not of … x …"),
    ],
)
def test_messages_are_told_with_what_differs_left_open(kind, place, text):
    assert messages.Message(kind, place, text) in messages.messages()


def test_a_message_that_a_function_writes_is_told_too():
    texts = [one.text for one in messages.messages() if one.folder == "lazy" and one.kind == "PlanMismatchError"]
    assert any(text.startswith("it is not known whether this dataset was made like the …") for text in texts)


def test_a_message_has_the_constants_of_its_own_module():
    (message,) = (one for one in messages.messages() if "has column names, but no rows" in one.text)
    assert message.text.endswith(": check that the query found something, and download the table again")


def test_every_column_that_a_survey_knows_has_a_meaning():
    for survey in columns.our_surveys():
        assert [name for name in survey.known_columns() if not columns.meaning(survey, name)] == [], survey.name


def test_every_product_of_every_survey_is_there_and_its_variables_have_texts():
    there = {(survey, name) for survey, name, _ in products.products()}
    for survey in columns.our_surveys():
        missing = {(survey.name, name) for name in possible_stages(survey.name)} - there
        assert missing <= {(survey.name, "predictions")}
    for _, name, stage in products.products():
        predicted = name == "predictions"
        variables = [one for one, _ in products.answers()] if predicted else stage.variables()
        lacking = [one.name for one in variables if "long_name" not in one.attrs]
        assert not lacking, f"variables of {name} without a long_name: {lacking}"


def test_every_feature_is_in_the_reference():
    for kind, names in (
        (features.of_spectra, names_of_spectra(SpectralFeaturesSection())),
        (features.of_images, names_of_images(ImageFeaturesSection(), features.IN_BANDS)),
    ):
        entries = [entry for _, entries in kind() for entry in entries]
        patterns = [re.escape(entry.name).replace("BAND", "[ugriz]").replace("NNN", r"\d{3}") for entry in entries]
        known = re.compile("|".join(f"(?:{pattern})(?:_error)?" for pattern in patterns))
        assert [name for name in names if not known.fullmatch(name)] == []
        assert all(entry.meaning and entry.facts for entry in entries)


def test_a_line_has_its_wavelengths_and_its_source():
    (line,) = (entry for _, entries in features.of_spectra() for entry in entries if entry.name == "h_alpha")
    assert "6562.81 Å in air, 6564.6" in line.meaning
    assert "NIST" in line.meaning


def test_every_preprocessing_step_is_there_with_what_it_does():
    page = MAKERS["preprocessing steps"]()
    assert all(f"`{usage(name)}`".replace("|", "\\|") in page and len(steps.meaning(name)) > 20 for name in STEPS)
    assert "Raises" not in page


def test_every_status_is_there():
    page = MAKERS["statuses"]()
    assert all(f"| {status.value} | `{status.name.lower()}` |" in page for status in Status)


def test_every_method_of_what_functions_return_has_a_docstring():
    lacking = [(name, method) for name in api.RETURNED for method, text in api.methods(name).items() if not text]
    assert not lacking
    assert {"catalog", "export", "status"} <= set(api.methods("Run"))


def test_every_public_name_is_there_with_a_docstring():
    page = api.page()
    assert {name for name, _ in api.names()} == set(survey_batch.__all__)
    for name, _ in api.names():
        assert f"### `{name}`" in page
        assert api.text(name), f"{name} has no docstring"


def test_a_page_takes_what_is_made():
    assert made("before\n_Made from the code by `make docs`: exit codes._\nafter").count("| `130` |") == 1
