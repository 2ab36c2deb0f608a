"""Every kind of error, and every message of each, from the texts of the modules that raise them."""

import ast
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import survey_batch
from docs.from_code.markdown import code, table
from survey_batch.cli import exit_code
from survey_batch.core.errors import ConfigurationError, InvalidError, SurveyBatchError
from survey_batch.core.status import Status

ROOT = Path(survey_batch.__file__).parent
HOLE = "…"
"""What differs from case to case."""

WRONG_VALUES = ("ValueError", "WrongKeyError")
"""What checks of the job file raise."""

Names = Mapping[str, ast.AST]


class Message(NamedTuple):
    """What an error says, and the folder of the package that says it."""

    kind: str
    folder: str
    text: str


@cache
def modules() -> Mapping[str, ast.Module]:
    """Return the syntax tree of each module of the package, by the module's name."""
    files = sorted(ROOT.rglob("*.py"))
    names = [".".join(file.relative_to(ROOT.parent).with_suffix("").parts) for file in files]
    return {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in zip(names, files, strict=True)}


@cache
def errors() -> Mapping[str, type[SurveyBatchError]]:
    """Return every class of error of the package, in the order of the classes below each other."""
    bases = {SurveyBatchError.__name__}
    for name, tree in chain(*[modules().items()] * 2):  # twice: a class may stand before its base
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and bases & {ast.unparse(base) for base in node.bases}:
                bases.add(node.name)
                import_module(name)
    return {kind.__name__: kind for kind in _with_subclasses(SurveyBatchError)}


@cache
def messages() -> tuple[Message, ...]:
    """Return every message that is written where it arises."""
    found = [
        Message(kind, _place(name), text)
        for name, tree in modules().items()
        for kind, node in _raised(tree, _known(name), name)
        if re.search(r"\w{3}", text := _text(*node))
    ]
    return tuple(sorted(set(found)))


def page() -> str:
    """Write the reference of the errors and their messages."""
    kinds, found = errors(), messages()
    rows = [(f"[{code(name)}](#error-{name.lower()})", _meaning(kind)) for name, kind in kinds.items()]
    parts = [table(("error", "what it means"), rows)]
    for name in kinds:
        parts += [f"(error-{name.lower()})=", f"## `{name}`\n", (inspect.getdoc(kinds[name]) or "") + "\n"]
        of_kind = [one for one in found if one.kind == name]
        parts += [] if of_kind else ["Its words are those of a server, a library, or of the kinds below it.\n"]
        for folder in dict.fromkeys(one.folder for one in of_kind):
            texts = [f"- `` {one.text} ``" for one in of_kind if one.folder == folder]
            parts += [f"### In `{folder}`\n", ":::{div} messages", *texts, ":::\n"]
    return "\n".join(parts)


def _with_subclasses(kind: type[SurveyBatchError]) -> Iterator[type[SurveyBatchError]]:
    yield kind
    for one in kind.__subclasses__():
        if one.__module__.startswith(f"{ROOT.name}."):
            yield from _with_subclasses(one)


def _meaning(kind: type[SurveyBatchError]) -> str:
    """Say when an error arises, and which status of rows or exit code of a verb follows."""
    status: Status | None = getattr(kind, "status", None)
    follows = f"Exit code {code(exit_code(kind.__new__(kind)))}."
    if status is not None:
        follows = f"Status [{code(status.name.lower())}](statuses.md)."
    return f"{(inspect.getdoc(kind) or '').splitlines()[0]} {follows}"


def _place(module: str) -> str:
    """Name the folder of a module; each survey has one of its own."""
    parts = module.split(".")
    return ".".join(parts[1 : 3 if parts[1] == "surveys" else 2])


@cache
def _own(module: str) -> Names:
    body = modules()[module].body
    functions = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    return {**functions, **{name: value for name, value in _assigned(body) if name.isupper()}}


def _known(module: str) -> Names:
    """Return the constants and functions that a module defines or imports."""
    imports = [node for node in modules()[module].body if isinstance(node, ast.ImportFrom)]
    imported = {
        alias.name: _own(node.module)[alias.name]
        for node in imports
        if node.module in modules()
        for alias in node.names
        if alias.name in _own(node.module)
    }
    return {**imported, **_own(module)}


def _raised(tree: ast.AST, names: Names, module: str) -> Iterator[tuple[str, tuple[ast.AST, Names]]]:
    """Yield each kind of error with the expression of its message, and the names that this may use."""
    if isinstance(tree, ast.FunctionDef):
        names = {**names, **dict(_assigned(ast.walk(tree)))}
    if isinstance(tree, ast.Call) and tree.args:
        called = tree.func.attr if isinstance(tree.func, ast.Attribute) else getattr(tree.func, "id", "")
        if called in errors():
            yield from ((called, one) for one in _said(tree.args[0], names))
        elif called in WRONG_VALUES and ".config." in module:  # told with the line of the job file
            yield ConfigurationError.__name__, (tree.args[0], names)
        elif called == "reject" and len(tree.args) > 1:  # rows of a catalogue
            yield InvalidError.__name__, (tree.args[1], names)
    for node in ast.iter_child_nodes(tree):
        yield from _raised(node, names, module)


def _said(node: ast.expr, names: Names) -> Iterator[tuple[ast.AST, Names]]:
    """Yield the expressions that a message may be; if a function writes it, what the function returns."""
    function = names.get(getattr(node.func, "id", "")) if isinstance(node, ast.Call) else None
    if not isinstance(function, ast.FunctionDef):
        yield node, names
        return
    known = {**names, **dict(_assigned(ast.walk(function)))}
    for one in ast.walk(function):
        if isinstance(one, ast.Return) and one.value:
            yield one.value, known


def _assigned(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, ast.expr]]:
    """Yield names that are given one value."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, []).append(node.value)
    return ((name, values[0]) for name, values in found.items() if len(values) == 1)


def _text(node: ast.AST, names: Names) -> str:
    """Write a message with `…` for what differs."""
    words = " ".join(_parts(node, names).split())
    return re.sub(rf"{HOLE}(?:[\s,]*{HOLE})+", HOLE, words)


def _parts(node: ast.AST, names: Names) -> str:
    match node:
        case ast.Constant(str() as text):
            return text
        case ast.JoinedStr(values):
            return "".join(_parts(one, names) for one in values)
        case ast.FormattedValue(value):
            return _parts(value, names)
        case ast.BinOp(left, ast.Add(), right):
            return _parts(left, names) + _parts(right, names)
        case ast.Call(ast.Attribute(ast.Constant(str() as text), "format")):
            return re.sub(r"\{.*?\}", HOLE, text)
        case ast.Name(name) if name in names:
            return _parts(names[name], {key: value for key, value in names.items() if key != name})
    return HOLE
