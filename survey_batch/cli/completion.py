"""What Tab offers in a shell: job files, keys of the job file, and values where a value is one of a list.

Everything is imported when Tab is pressed; whatever goes wrong then offers nothing.
"""

import io
import os
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import typer
from typer import _completion_shared

from survey_batch.core.plugins import CLASSIFIERS, CLUSTERS, SURVEYS, offered

ITEM = re.compile(r"^(.*[\[,]\s*)([\"']?)([^\"',\]]*)$", re.DOTALL)
"""A list that is being written: all before its last item, the item's quote, and its beginning."""

ASKED = "_SURVEY_BATCH_COMPLETE"
"""Variable in which a shell says that it asks, and how it wants the answer."""

GOES_ON = re.compile(r"[./=,]$|=\[")
"""What is not yet a whole word."""

COLUMNS = re.compile(r"^(.*)([,=])([^,=]*)$", re.DOTALL)
"""Columns that are being written: all before the last one, the separator, and its beginning."""


def complete_job_file(incomplete: str) -> list[str]:
    """Offer `.toml` files, and folders on the way to them."""
    begun = incomplete.rpartition("/")[2]
    prefix = incomplete[: len(incomplete) - len(begun)]
    found = []
    with suppress(OSError):
        for path in sorted(Path(prefix or ".").expanduser().iterdir()):
            if path.name.startswith(begun) and (begun or not path.name.startswith(".")):
                found += [f"{prefix}{path.name}/"] if path.is_dir() else []
                found += [f"{prefix}{path.name}"] if path.suffix == ".toml" else []
    return found


def complete_survey(incomplete: str) -> list[str]:
    """Offer the installed surveys."""
    return _beginning(incomplete, offered(SURVEYS))


def complete_simulated(incomplete: str) -> list[str]:
    """Offer what can be simulated."""
    return _beginning(incomplete, [*offered(SURVEYS), "catalog"])


def complete_split(incomplete: str) -> list[str]:
    """Offer the splits."""
    return _beginning(incomplete, ("test", "validation", "train"))


def complete_stages(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer a survey's own stages and predictions, with commas."""
    from survey_batch.cli.questions import products_offered
    from survey_batch.config.survey import find_survey
    from survey_batch.surveys import EXAMPLE

    done, comma, begun = incomplete.rpartition(",")
    stages = products_offered(find_survey(ctx.params.get("survey") or EXAMPLE))
    return [f"{done}{comma}{name}" for name in _beginning(begun, stages) if name not in done.split(",")]


def complete_retry(incomplete: str) -> list[str]:
    """Offer the statuses that can be tried again, with commas."""
    from survey_batch.core.status import RETRIABLE

    done, comma, begun = incomplete.rpartition(",")
    names = [status.name.lower() for status in RETRIABLE]
    return [f"{done}{comma}{name}" for name in _beginning(begun, names) if name not in done.split(",")]


def complete_formats(incomplete: str) -> list[str]:
    """Offer the formats of `psf-stars`, with commas."""
    from survey_batch.results.psf_stars import FORMATS

    done, comma, begun = incomplete.rpartition(",")
    return [f"{done}{comma}{name}" for name in _beginning(begun, FORMATS) if name not in done.split(",")]


def complete_columns(incomplete: str) -> list[str]:
    """Offer what an export can add, and behind `features=` the features, with commas."""
    with suppress(Exception):
        done, separator, begun = found.groups() if (found := COLUMNS.match(incomplete)) else ("", "", incomplete)
        single = ["label", "split", "reason", "outlier", "neighbours", "features="]
        names = _features(_written()) if "features=" in incomplete else single
        return [f"{done}{separator}{name}" for name in _beginning(begun, names)]
    return []


def complete_setting(incomplete: str) -> list[str]:
    """Offer `key=value`: the keys of the job file's tables, and the values that a key can have."""
    with suppress(Exception):
        key, equals, value = incomplete.partition("=")
        written = _written()
        return [f"{key}={found}" for found in _values(key, value, written)] if equals else _keys(key, written)
    return []


def _beginning(begun: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(begun)]


def _written() -> Mapping[str, Any]:
    """Return what the job file on the command line says; nothing if it cannot be read."""
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")  # of bash, and of other shells
    with suppress(OSError, ValueError, StopIteration):
        job = next(word for word in line.split() if word.endswith(".toml"))
        return tomllib.loads(Path(job).read_text(encoding="utf-8"))
    return {}


def _keys(begun: str, written: Mapping[str, Any]) -> list[str]:
    from survey_batch.config.explain import model_at

    table, dot, last = begun.rpartition(".")
    plugged = _plugged(written)
    path = tuple(table.split(".")) if table else ()
    model = model_at(path, plugged)
    found = []
    for name in _beginning(last, model.model_fields if model else ()):
        inner = model_at((*path, name), plugged)
        found.append(f"{table}{dot}{name}{'.' if inner else '='}")
    return [name for name in found if name != "tables."]


def _values(key: str, begun: str, written: Mapping[str, Any]) -> list[str]:
    choices, many = _choices(key, written)
    if not many:
        return _beginning(begun, choices)
    before, quote, item = found.groups() if (found := ITEM.match(begun)) else ("[", "", begun)
    quote = quote or '"'
    taken = re.findall(r"[\"']([^\"']+)[\"']", before)
    return [f"{before}{quote}{name}{quote}" for name in _beginning(item, choices) if name not in taken]


def _choices(key: str, written: Mapping[str, Any]) -> tuple[Sequence[str], bool]:
    """Return the values that a key can have, and whether it holds a list of them."""
    from survey_batch.config.classifiers import classifier_kind

    special: dict[str, Any] = {
        "archive.survey": lambda: offered(SURVEYS),
        "train.kind": lambda: [name for name in offered(CLASSIFIERS) if classifier_kind(name).trained_here],
        "train.variant": lambda: _plugged(written).classifier.variants,
        "cluster.kind": lambda: offered(CLUSTERS),
        "catalog.label": lambda: ("spectral_type", "mk_class"),
        "stages": lambda: _stages_of(_survey_in(written)),
        "train.features": lambda: _features(written),
    }
    if key in special:
        return list(special[key]()), key in ("stages", "train.features")
    from survey_batch.config.explain import model_at

    *path, name = key.split(".")
    model = model_at(tuple(path), _plugged(written))
    return list(_of_annotation(model.model_fields[name].annotation)) if model else [], False


def _of_annotation(annotation: Any) -> Iterator[str]:
    if annotation is bool:
        yield from ("true", "false")
    elif get_origin(annotation) is Literal:
        yield from map(str, get_args(annotation))
    else:
        for part in get_args(annotation):
            yield from _of_annotation(part)


def _plugged(written: Mapping[str, Any]) -> Any:
    from survey_batch.config.explain import Plugged
    from survey_batch.config.sections.training import kind_in
    from survey_batch.config.survey import find_survey

    name = _survey_in(written)
    return Plugged(kind_in(written.get("train")), find_survey(name) if name else None)


def _survey_in(written: Mapping[str, Any]) -> str | None:
    return dict(written.get("archive", {})).get("survey")


def _stages_of(survey: str | None) -> list[str]:
    from survey_batch.config.survey import installed_surveys, possible_stages

    names = [survey] if survey else [one.name for one in installed_surveys()]
    with suppress(Exception):
        return list(dict.fromkeys(stage for name in names for stage in possible_stages(name)))
    return []


def _features(written: Mapping[str, Any]) -> list[str]:
    """Return the features that a job measures: of images where its survey has frames or images, else of spectra."""
    from survey_batch.config.sections.images import FramesSection, ImageFeaturesSection
    from survey_batch.config.sections.spectra import SpectralFeaturesSection

    if "cutouts" in _stages_of(_survey_in(written)):
        from survey_batch.images.feature_names import feature_names

        bands = FramesSection.model_validate(written.get("frames", {})).bands
        return feature_names(ImageFeaturesSection.model_validate(written.get("image_features", {})), bands)
    from survey_batch.spectra.features import feature_names as of_spectra

    return of_spectra(SpectralFeaturesSection.model_validate(written.get("spectral_features", {})))


def teach_bash() -> None:
    """Let typer's script for bash put no blank behind what goes on: a folder, a key, a list.

    Only the script itself can ask bash for that. Behind `=` an offer is the value alone, so a list begins with it.
    """
    taught = "    [[ ${#COMPREPLY[@]} -eq 1 && $COMPREPLY =~ [./=,]$|(^|=)\\[ ]] && compopt -o nospace\n    return 0\n"
    scripts = _completion_shared._completion_scripts  # noqa: SLF001 - typer has no other place
    scripts["bash"] = scripts["bash"].replace("    return 0\n", taught)


@contextmanager
def bash_words(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Undo that bash takes `--set archive.survey=lamost` for four words, and puts an offer behind the `=`."""
    given, index = environment.get("COMP_WORDS", ""), int(environment.get("COMP_CWORD") or 0)
    between = "\n" if "\n" in given else " "  # typer's script puts words on lines
    words = given.split(between)
    if "=" not in words[: index + 1]:
        yield
        return
    joined = re.sub(rf"(?<=\S){between}={between}?", "=", between.join(words[: index + 1]))
    environment.update({"COMP_WORDS": joined, "COMP_CWORD": str(joined.count(between))})
    offers = io.StringIO()
    try:
        with redirect_stdout(offers):
            yield
    finally:
        behind = "=" in words[index - 1 : index + 1]
        for offer in offers.getvalue().split():
            typer.echo(offer.partition("=")[2] if behind else offer)


@contextmanager
def zsh_words(environment: MutableMapping[str, str]) -> Iterator[None]:
    """Answer zsh in its own commands, with no blank behind what goes on: a folder, a key, a list.

    typer's answer to zsh always ends a word, and loses quotes. Its answer to fish holds the same offers, line by line.
    """
    if environment.get(ASKED) != "complete_zsh":
        yield
        return
    environment.update({ASKED: "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"})
    offers = io.StringIO()
    try:
        with redirect_stdout(offers):
            yield
    finally:
        groups: dict[str, list[str]] = {"": [], " -S ''": []}
        for line in filter(None, offers.getvalue().splitlines()):
            value, _, meaning = line.partition("\t")
            escaped = value.replace("\\", "\\\\").replace(":", "\\:")
            groups[" -S ''" if GOES_ON.search(value) else ""].append(f"{escaped}:{meaning}" if meaning else escaped)
        commands = [
            f"local -a offers=({shlex.join(words)}); _describe '' offers{option}"
            for option, words in groups.items()
            if words
        ]
        typer.echo("; ".join(commands) or "_files")
