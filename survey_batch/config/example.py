"""A survey's example job with a user's own values in it, comments kept."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from survey_batch.config.survey import find_survey
from survey_batch.config.toml_lines import KeyPath, locate_keys

_LINE = re.compile(r"^(?P<key>\s*[\w.-]+\s*=\s*)(?P<value>.*?)(?P<comment>\s+#.*)?$")
"""A line with one key: its value stands on the same line, and has no `#` after a blank."""

PREDICTIONS = "predictions"
REMARK = re.compile(r'\s+# and "predictions".*')
"""What an example says of its stages while predictions are not among them."""
_COMMENTED = re.compile(
    r'^# (\[(?:train|predictions)\]|(?:kind|product|classifier|label) = "[^"]*"'
    r"|columns = \[[^\]]*\]|split = \{[^}]*\})([ \t]+(?=#))?",
    re.MULTILINE,
)
"""Lines that an example comments out because they belong to predictions; group 2 holds the blanks before a remark."""


def example_job(survey: str, name: str, values: Mapping[KeyPath, Any]) -> str:
    """Return the text of a commented job file.

    Parameters
    ----------
    survey
        Name of an installed survey, whose example it is.
    name
        The job's name.
    values
        Key path to value, for keys that differ from the example; None comments the key out.

    Raises
    ------
    ConfigurationError
        No such survey is installed.
    """
    text = find_survey(survey).example().replace("{name}", name)
    predicts = PREDICTIONS in values.get(("stages",), ())
    if predicts:
        text = _COMMENTED.sub(lambda line: line[1] + (f"  {line[2]}" if line[2] else ""), REMARK.sub("", text))
    for key, value in values.items():
        text = _with(text, key, value)
    if ("stages",) in values:
        text = _without_tables_of_others(text, find_survey(survey).stages.keys() - set(values["stages",]))
    if predicts and values.get(("catalog", "label"), "") is None:
        text = _without_tables_of_others(text, {"train"})  # which needs labels
    return text


def can_predict(text: str) -> bool:
    """Tell whether an example has the tables that predictions need, as comments."""
    return _COMMENTED.search(text) is not None


def value_in(text: str, *key: str) -> Any:
    """Return the value of a key in the text of a job file; None if it is not there."""
    found: Any = tomllib.loads(text)
    for name in key:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _with(text: str, key: KeyPath, value: Any) -> str:
    lines, number = text.splitlines(), locate_keys(text).get(key)
    if number is None:
        if value is not None:
            lines.insert(locate_keys(text).get(key[:-1], 0), f"{key[-1]} = {_toml(value)}")
    elif value is None:
        lines[number - 1] = f"# {lines[number - 1]}"
    elif found := _LINE.match(lines[number - 1]):
        lines[number - 1] = _replaced(found, _toml(value))
    return "\n".join(lines) + "\n"


def _replaced(line: re.Match[str], value: str) -> str:
    """Put a value in, and leave the comment in its column where there is room."""
    begun = line["key"] + value
    comment = (line["comment"] or "").strip()
    column = line.start("comment") + len(line["comment"] or "") - len(comment)
    return f"{begun.ljust(column - 2)}  {comment}" if comment else begun


def _without_tables_of_others(text: str, stages: set[str]) -> str:
    """Take out the tables of stages that are not made: nothing would read them, so they would be refused."""
    parts = re.split(r"(?m)^(?=\[)", text)
    return "".join(part for part in parts if part.partition("]")[0].lstrip("[") not in stages)


def _toml(value: Any) -> str:
    """Write text or a list of texts as TOML, which takes JSON's."""
    return json.dumps(value, ensure_ascii=False)
