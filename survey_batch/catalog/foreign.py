"""Files that are sometimes mistaken for catalogues: what they are, and what to do with them."""

import codecs
import re
from collections.abc import Sequence

from survey_batch.core.errors import ConfigurationError

_AS_CSV = "save the table as CSV"
_AS_PARQUET = "save the table as Parquet, with pandas or astropy"
_UNPACK = "unpack it, and name the table itself"

_BINARY = {
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", _AS_CSV),
    b"\x89HDF": ("an HDF5 file", _AS_PARQUET),
    b"ARROW1": ("a Feather (Arrow) file", "save it as Parquet"),
    b"SQLite format 3": ("an SQLite database", _AS_CSV),
    b"%PDF": ("a PDF", "get the table itself from the journal or from VizieR"),
    b"\x93NUMPY": ("a NumPy array", _AS_PARQUET),
    **{bytes((0x80, protocol)): ("a Python pickle", _AS_PARQUET) for protocol in range(2, 6)},
    b"SR\x00\x04": ("an IDL save file", _AS_CSV),
    b"7z\xbc\xaf": ("a 7z archive", _UNPACK),
    b"Rar!": ("a RAR archive", _UNPACK),
    b"\x1f\x9d": ("packed by compress (.Z)", "unpack it with uncompress or gunzip"),
    b"\x89PNG": ("an image", "name the table itself"),
    b"\xff\xd8\xff": ("an image", "name the table itself"),
    b"{\\rtf": ("an RTF document", _AS_CSV),
    codecs.BOM_UTF32_LE: ("text in UTF-32", "save it as UTF-8"),
    codecs.BOM_UTF32_BE: ("text in UTF-32", "save it as UTF-8"),
}
"""First bytes, kind of file, and what to do."""

_ZIPPED = (
    (rb"xl/|\[Content_Types\]\.xml|docProps/", "an Excel workbook", _AS_CSV),
    (rb"opendocument\.spreadsheet", "an OpenDocument spreadsheet", _AS_CSV),
    (rb"^.{26,60}\.npy", "a NumPy archive", _AS_PARQUET),
)
"""Pattern in a zip archive's first bytes, kind of file, and what to do."""

_WEB_PAGE = "a web page", "open it to see whether it is a login or error page, and download the table itself"
_XML = "XML other than VOTable", "download the table as VOTable or CSV"

_TEXTS = (
    (r"[{\[]\s*[\[{\"}\]]", "JSON", f"{_AS_CSV}; if a server sent it, read what it says"),
    (r"(?i)(#.*\n\s*)*<(!doctype\s+html|html|head|body)\b", *_WEB_PAGE),
    (
        r"(%.*\n\s*)*(\\(begin|documentclass|usepackage|newcommand|def|startlongtable|hline|toprule|tablehead|caption)\b"
        r"|.*&.*\\\\[ \t\r]*$)",
        "a table in LaTeX",
        f"{_AS_CSV} (astropy reads it as 'ascii.latex' or 'ascii.aastex'), or get it from the journal or from VizieR",
    ),
    (r"\|.*\|[ \t\r]*\n[ \t]*\|[ \t]*:?-[-:| \t]*\|[ \t\r]*$", "a table in Markdown", _AS_CSV),
    (r"(\+(-+\+)+|.*\n-+(\+-+)+)[ \t\r]*$", "a table as a database prints it", _AS_CSV),
    (r"(.*\n\s*)?={2,}([ \t]+={2,})+[ \t\r]*$", "a table in reStructuredText", _AS_CSV),
    (r"# Region file format", "a DS9 region file", "save the table it was made from as CSV"),
    (r"#ASDF", "an ASDF file", _AS_PARQUET),
)
"""Beginning of a text, kind of file, and what to do."""

_VOTABLE = re.compile(r"<(\w+:)?VOTABLE\b", re.IGNORECASE)

_FAILURE = re.compile(
    r"""(?i)[\W_]*(error|exception|fatal|failed|failure|traceback|access\ denied|forbidden|unauthori[sz]ed|bad\ request
    |service\ unavailable|internal\ server|not\ found|time(d)?[\ -]?out|syntax\ error|http/)(?![a-z])""",
    re.VERBOSE,
)
"""How server messages begin."""
_SENTENCE_WORDS = 4
"""A single column name with this many words is a sentence."""
_SHOWN = 120
"""Most characters of a message that are quoted."""


def refuse_binary(head: bytes, url: str) -> None:
    """Refuse a file whose first bytes show that it is not a catalogue.

    Raises
    ------
    ConfigurationError
        Says what it is and what to do.
    """
    if head.startswith(b"PK\x03\x04"):
        name, advice = _in_zip(head, url)
    elif head.startswith(b"ORC") and b"\0" in head:
        name, advice = "an ORC file", "save it as Parquet"
    elif head[257:262] == b"ustar":
        name, advice = "a tar archive", _UNPACK
    else:
        name, advice = next((known for magic, known in _BINARY.items() if head.startswith(magic)), ("", ""))
    if name:
        raise ConfigurationError(f"catalog.path: {url} is {name}, not a catalogue: {advice}")


def _in_zip(head: bytes, url: str) -> tuple[str, str]:
    for pattern, name, advice in _ZIPPED:
        if re.search(pattern, head, re.DOTALL):
            return name, advice
    return ("an Excel workbook", _AS_CSV) if url.lower().endswith((".xlsx", ".xlsm")) else ("a zip archive", _UNPACK)


def refuse_text(text: str, url: str) -> None:
    """Refuse a text that is not a catalogue.

    Parameters
    ----------
    text
        The beginning of the file, without leading blanks.
    url
        Of the file.

    Raises
    ------
    ConfigurationError
        The message says what it is, how it begins and what to do.
    """
    if _VOTABLE.search(text):
        return
    found = next(((name, advice) for pattern, name, advice in _TEXTS if re.match(pattern, text, re.MULTILINE)), None)
    if found is None and text.startswith("<"):
        found = _XML if text.startswith("<?xml") and "<html" not in text.lower() else _WEB_PAGE
    if found is not None:
        name, advice = found
        raise ConfigurationError(
            f"catalog.path: {url} is {name}, not a catalogue (it begins with {_in_short(text)!r}): {advice}"
        )


def refuse_message(line: str, columns: int, below: Sequence[str], url: str) -> None:
    """Refuse a server message in place of the column names.

    Parameters
    ----------
    line
        The line that should hold the names.
    columns
        Number of columns.
    below
        The lines that follow, as far as they have been read.
    url
        Of the file.

    Raises
    ------
    ConfigurationError
        The error quotes the server's message.
    """
    single, lengths = columns == 1, [len(text.split()) for text in (line, *below) if text.strip()]
    failed = _FAILURE.match(line)
    told = failed and (single or len(lengths) == 1 or line[failed.end() :].lstrip().startswith(":"))
    sentence = single and lengths[0] >= _SENTENCE_WORDS and lengths[:1] != lengths[1:2]
    if told or sentence:
        words = _in_short("\n".join([line, *below]))
        raise ConfigurationError(
            f"catalog.path: {url} holds a message, not a table ({words!r}): if a server sent it in place of "
            "the table, correct the query and download the table again"
        )


def _in_short(text: str) -> str:
    words = " ".join(text[: 2 * _SHOWN].split())
    return words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"
