"""`survey-batch psf-stars`: what it is asked for, and what it says."""

import pyarrow as pa
import pytest

from survey_batch.results import psf_stars
from survey_batch.results.psf_stars import FOLDER


class Field:
    def __init__(self, name, stars):
        self.name, self.stars = name, pa.table({"x": [1.0] * stars})


@pytest.fixture
def asked(monkeypatch):
    """Hear what the verb asks for; its fields have 12 stars and 3."""
    heard = {}

    def write(fields, folder, formats):
        heard.update(folder=folder, formats=formats)
        return [(f"{folder}/all.csv", 15)]

    monkeypatch.setattr(
        psf_stars,
        "choose_psf_stars",
        lambda _, *limits: heard.update(limits=limits) or [Field("94-1-11", 12), Field("94-1-é", 3)],
    )
    monkeypatch.setattr(psf_stars, "write_psf_stars", write)
    return heard


def test_limits_and_formats_are_handed_on_and_fields_with_few_stars_named(command, job, tmp_path, asked):
    code, out, _ = command("psf-stars", job, "--threshold", 0.9, "--most", 25, "--format", "assoc,fits", "--least", 5)
    assert code == 0
    folder = f"{tmp_path}/out/{FOLDER}"
    assert asked == {"limits": (0.9, 25, 0.15), "folder": folder, "formats": ["fits", "assoc"]}
    assert f"15 stars in 2 fields; {folder}/all.csv" in out
    assert "fewer than 5 stars: 94-1-é (1 field)" in out


def test_fields_with_enough_stars_are_not_named(command, job, asked):
    code, out, _ = command("psf-stars", job, "--least", 3, "--to", "here")
    assert (code, "fewer than" in out, asked["folder"]) == (0, False, "here")


def test_an_unknown_format_is_refused_before_anything_is_read(command, tmp_path, asked):
    code, _, err = command("psf-stars", tmp_path / "none.toml", "--format", "fits,votable,é")
    assert code == 2
    assert "--format votable,é: unknown; choose from fits, csv, assoc, region" in err
    assert not asked
