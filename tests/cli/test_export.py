"""`survey-batch export`: files and folders anywhere, and what was changed."""

import json

import fsspec
import pytest

from tests.report.outputs import cutouts_job, make_cutouts


@pytest.mark.parametrize("place", ["memory://{name}", "file://{folder}/made/{name}"])
def test_an_export_and_a_report_go_to_any_url_and_what_was_changed_is_said(command, job, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    url = place.format(folder=tmp_path, name="types.fits")
    assert command("run", job)[0] == 0
    code, out, errors = command("export", job, "--to", url)
    assert (code, out.strip()) == (0, f"{url}: 8 rows")
    assert "note: z: whole numbers that are written with a decimal point became integers" in errors
    assert fsspec.open(url).open().read(6) == b"SIMPLE"
    page = place.format(folder=tmp_path, name="page.html")
    code, out, _ = command("report", job, "--to", page)
    assert (code, out.strip()) == (0, page)
    assert b"</html>" in fsspec.open(page).open().read()
    assert not list(tmp_path.glob("*:*")), "no local folder is named as the protocol"


def test_pictures_are_an_export_of_their_own(command, job, tmp_path):
    code, _, errors = command("export", job, "--pictures", "png", "--with", "label")
    assert (code, "leave one out" in errors) == (2, True)
    made = cutouts_job(tmp_path / "out")
    make_cutouts(made)
    code, out, errors = command("export", job, "--pictures", "png", "--to", tmp_path / "stars")
    assert (code, out.strip()) == (0, f"{tmp_path}/stars: 16 pictures")
    assert "note: pictures of partial objects, of which some pixels are missing: 4" in errors
    code, out, _ = command("export", job, "--pictures", "jpeg", "--to", tmp_path / "stars", "--json")
    assert (code, json.loads(out)["pictures"]) == (0, 16)
    assert len(list((tmp_path / "stars").rglob("*.jpg"))) == 16
