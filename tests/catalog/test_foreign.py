"""Files that are no catalogues are refused by what they are, and with what to do next."""

import io
import json
import zipfile

import numpy as np
import pytest
from astropy.table import Table

from survey_batch.catalog.foreign import refuse_text
from survey_batch.core.errors import ConfigurationError
from tests.catalog.sky import assert_read, read_sky, sky_lines, sky_table


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return buffer.getvalue()


def written(form):
    buffer = io.StringIO()
    sky_table().write(buffer, format=form)
    return buffer.getvalue().encode()


def markdown():
    names, *rows = [line.split(",") for line in sky_lines()]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (names, ["---:"] * len(names), *rows)).encode()


RECORDS = [dict(zip(sky_table().colnames, map(float, row), strict=True)) for row in sky_table()]
FILES = {
    "LaTeX": (written("ascii.latex"), "a table in LaTeX, .*save the table as CSV"),
    "AASTeX": (b"% from the paper\n" + written("ascii.aastex"), "a table in LaTeX"),
    "rows of LaTeX": (b"objid & ra & dec \\\\\n1 & 2 & 3 \\\\\n", "a table in LaTeX"),
    "HTML": (b"<!DOCTYPE html><html>log in</html>", "a web page, .*'<!DOCTYPE html><html>log in</html>'.*open it"),
    "HTML behind a comment": (b"#Table1\n<HTML><body>Error</body></HTML>", "a web page"),
    "XHTML": (b'<?xml version="1.0"?>\n<html xmlns="x"><body>503</body></html>', "a web page"),
    "a table of HTML": (written("ascii.html"), "a web page"),
    "XML": (b'<?xml version="1.0"?><catalogue/>', "XML other than VOTable"),
    "JSON": (json.dumps(RECORDS, indent=1).encode(), "JSON, .*save the table as CSV"),
    "JSON of columns": (b'\n{"ra": [1, 2]}', "JSON"),
    "lists of JSON": (b"[[1, 2], [3, 4]]", "JSON"),
    "JSON in UTF-16": ('{"ra": 1}'.encode("utf-16"), "JSON"),
    "an error in JSON": (b'{"error": "bad query"}', "JSON, .*bad query.*if a server sent it"),
    "Excel": (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook, .*save the table as CSV"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1", "an Excel workbook"),
    "OpenDocument": (b"PK\x03\x04mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument"),
    "zip": (zipped("base.csv"), "a zip archive, .*unpack it"),
    "npz": (zipped("ra.npy"), "a NumPy archive"),
    "HDF5": (b"\x89HDF\r\n\x1a\n\x00", "an HDF5 file"),
    "pickle": (b"\x80\x04\x95\x00", "a Python pickle"),
    "image": (b"\x89PNG\x00\x00\x00", "an image"),
    "UTF-32": ("\n".join(sky_lines()).encode("utf-32"), "text in UTF-32, .*save it as UTF-8"),
    "bytes": (b"\x01\x02\x00\xff\xfe", "not text, Parquet or FITS .*save the table as CSV"),
    "Markdown": (markdown(), "a table in Markdown"),
    "PostgreSQL": (b" objid | ra | dec\n-------+----+----\n 1 | 2 | 3\n", "a table as a database prints it"),
    "MySQL": (b"+-------+----+\n| objid | ra |\n+-------+----+\n| 1 | 2 |\n", "a table as a database prints it"),
    "reStructuredText": (written("ascii.rst"), "a table in reStructuredText"),
    "regions": (b"# Region file format: DS9 version 4.1\nglobal color=green\nfk5\n", "a DS9 region file"),
}


@pytest.mark.parametrize("kind", FILES)
def test_what_is_no_catalogue_is_refused_by_name(tmp_path, kind):
    content, said = FILES[kind]
    (tmp_path / "catalogue").write_bytes(content)
    with pytest.raises(ConfigurationError, match=rf"catalog.path: \S*/catalogue is {said}"):
        read_sky(tmp_path / "catalogue")


@pytest.mark.parametrize(
    "message",
    [
        "#Table1\nERROR: Syntax error near FROM\n",
        "ERROR: Incorrect syntax near ',', line 3\nof the query, or so\n",
        "Maximum number of rows exceeded for this query\n",
        "error_message\nYour SQL command contains a syntax error\n",
        '"Access denied"\n',
        "HTTP/1.1 503 Service Unavailable\nRetry-After: 120\n",
        "Traceback (most recent call last):\n  File 'x', line 1\n",
    ],
)
def test_the_words_of_a_server_in_place_of_a_table_are_quoted(tmp_path, message):
    (tmp_path / "c.csv").write_text(message)
    words = message.removeprefix("#Table1\n").splitlines()[0]
    with pytest.raises(ConfigurationError) as refused:
        read_sky(tmp_path / "c.csv")
    said = str(refused.value)
    assert "holds a message, not a table" in said
    assert words.split()[1 if " " in words else 0].strip('",') in said
    assert "correct the query" in said


def test_columns_that_are_called_errors_are_no_message(tmp_path):
    names, *rows = sky_lines()
    lines = [f"Error in ra,{names}", *(f"0.1,{row}" for row in rows)]
    (tmp_path / "c.csv").write_text("\n".join(lines))
    assert_read(read_sky(tmp_path / "c.csv"))


def test_a_list_of_file_names_alone_is_a_catalogue(tmp_path):
    (tmp_path / "c.csv").write_text("filename\nspec-55862-B6202_sp01-001.fits.gz\n")
    assert read_sky(tmp_path / "c.csv", "lamost").table["problem"].to_pylist() == [""]


@pytest.mark.parametrize("first", ['"sep=;"', "sep=;", "SEP=;", '"sep=;";;;;;;', "sep=;;;;;;;"])
def test_the_first_line_of_excel_is_understood_in_quotes_too(tmp_path, first):
    (tmp_path / "c.csv").write_text("\r\n".join([first, *sky_lines(";")]))
    assert_read(read_sky(tmp_path / "c.csv"))


def test_a_quoted_first_line_of_excel_may_name_a_tab(tmp_path):
    (tmp_path / "c.csv").write_bytes("\r\n".join(['"sep=\t"', *sky_lines("\t")]).encode("utf-16"))
    assert_read(read_sky(tmp_path / "c.csv"))


def test_tables_between_bars_with_a_rule_are_read_as_before(tmp_path):
    names, *rows = sky_lines("|")
    (tmp_path / "c.txt").write_text("\n".join([names, "|".join("-" * len(name) for name in names.split("|")), *rows]))
    assert_read(read_sky(tmp_path / "c.txt"))


@pytest.mark.parametrize("line", ["%" * 5000, "% " * 5000, "# " * 5000, "a & " * 5000, "|-" * 5000, "-+" * 5000])
def test_long_lines_are_looked_at_once(line):
    refuse_text(f"{line}\n{line}\nx", "u")


def test_a_catalogue_with_latex_in_its_remarks_is_read(tmp_path):
    table = Table(sky_table())
    table["remark"] = np.array(["$\\alpha$ & more \\\\", "\\begin{x}", "<html>"])
    table.write(tmp_path / "c.csv", format="ascii.csv")
    assert_read(read_sky(tmp_path / "c.csv"))
