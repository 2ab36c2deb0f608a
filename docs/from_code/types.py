"""The type of a key in words, from its JSON schema."""

from collections.abc import Mapping
from typing import Any

PLAIN = {"string": "text", "boolean": "`true` or `false`", "object": "table", "array": "list"}
NUMBERS = {"integer": "whole number", "number": "number"}


def type_in_words(schema: Mapping[str, Any]) -> str:
    """Say what a value may be."""
    if "anyOf" in schema:
        kinds = [type_in_words(one) for one in schema["anyOf"] if one.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "const" in schema or "enum" in schema:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        return " or ".join(f'`"{value}"`' if isinstance(value, str) else f"`{value}`" for value in values)
    kind = schema.get("type")
    if kind in NUMBERS:
        return NUMBERS[kind] + _limits(schema, whole=kind == "integer")
    if kind == "array":
        return _list(schema)
    if kind == "object" and isinstance(values := schema.get("additionalProperties"), Mapping):
        names = schema.get("propertyNames", {}).get("enum", ())
        return f"table of {type_in_words(values)}" + (f", with the keys {', '.join(names)}" if names else "")
    return PLAIN.get(str(kind), "any value")


def _list(schema: Mapping[str, Any]) -> str:
    if "prefixItems" in schema:
        inner = {type_in_words(one) for one in schema["prefixItems"]}
        return f"list of {len(schema['prefixItems'])}: each {' or '.join(sorted(inner))}"
    least = f", at least {schema['minItems']}" if schema.get("minItems") else ""
    return f"list of {type_in_words(schema['items'])}{least}"


def _limits(schema: Mapping[str, Any], *, whole: bool) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if whole:
        low, above = (above + 1, None) if above is not None else (low, None)
        high, below = (below - 1, None) if below is not None else (high, None)
    words = [
        f" above {above:g}" if above is not None else "",
        f" from {low:g}" if low is not None else "",
        f" to {high:,}" if high is not None else "",
        f" below {below:g}" if below is not None else "",
    ]
    return "".join(words)
