"""The section on estimated quantities, with and without a catalogue to compare them with."""

import json
import re
from html import unescape

import numpy as np

from survey_batch.models.manifest import Quantity
from survey_batch.planning.plan import make_plan
from survey_batch.planning.stored import to_numpy
from survey_batch.report.build import build_page
from survey_batch.store.products import create_product, write_shard
from survey_batch.store.schema import OBJECT_COORDINATES, Schema, Variable, cut_into_shards
from tests.jobs import lamost_job
from tests.report.outputs import MANIFEST, SHARD, attributes

OBJECTS = 24
QUANTITIES = (
    Quantity(name="teff", units="K", column="teff", scale="log", error_factor=1.3),
    Quantity(name="feh", column="feh"),
)


def make_job(folder, columns="teff|feh"):
    rows = [f"{n}|{n}|{n}|{n:03d}.fits|{'test' if n % 2 else 'train'}|{5000 + n}|{n / 10}" for n in range(OBJECTS)]
    (folder / "catalog.csv").write_text("\n".join([f"obsid|ra|dec|filename|split|{columns}", *rows]) + "\n")
    keys = {"catalog": {"path": str(folder / "catalog.csv")}, "archive": {"survey": "lamost", "root": "unused"}}
    return lamost_job(keys, folder / "out", ("spectra", "predictions"), predictions={"classifier": "unused"})


def make_values(job):
    """Write values near those of the catalogue; one object has none."""
    figures = dict.fromkeys(("bias", "nmad", "rms", "outliers", "within_68", "within_95"), 0.0123)
    about = {**MANIFEST, "kind": "quantities", "classes": [], "quantities": [one.model_dump() for one in QUANTITIES]}
    about["metrics"] = {"test": {"objects": 10, "quantities": {"teff": figures}}}
    names = {"quantity": (("quantity",), np.array(["teff", "feh"]), {})}
    arrays = [Variable(name, ("object", "quantity"), "f4") for name in ("value", "error")]
    sizes = {"object": OBJECTS, "quantity": 2}
    variables = (*OBJECT_COORDINATES, *arrays)
    schema = Schema("predictions", "object", sizes, SHARD, variables, names, attrs={"classifier": json.dumps(about)})
    create_product(job.output, schema, attributes(job))
    plan = make_plan(job)
    plan.store()
    for shard in cut_into_shards("object", OBJECTS, SHARD):
        columns = {name: to_numpy(plan.objects[name])[shard.rows] for name in ("obsid", "ra", "dec", "label", "split")}
        number = columns["obsid"].astype(int)
        value = np.stack([5010 + number, number / 10 + 0.5], axis=1).astype(np.float32)
        value[number == 3] = np.nan
        texts = {name: columns[name].astype(object) for name in ("label", "split")}
        data = {"object_id": columns["obsid"].astype(object), **texts, "ra": columns["ra"], "dec": columns["dec"]}
        data |= {"value": value, "error": np.full_like(value, 20)}
        write_shard(job.output, "predictions", shard, data, np.ones(len(number), np.uint8))


def text_of(job):
    page = unescape(build_page(job.output))
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page)), page


def test_estimates_are_compared_with_the_columns_of_the_catalogue(tmp_path):
    job = make_job(tmp_path)
    make_values(job)
    text, page = text_of(job)
    assert "teff [K], errors times 1.3, feh" in text
    assert "temperature 1.25" not in text, "of probabilities"
    assert "0.0123" in text, "the training's own figures"
    assert "23 of 24 objects with an estimate" in text
    assert "Compared with the catalogue's teff, feh" in text
    assert "Split “test”: 11 objects" in text
    assert re.search(r"feh 0.5 .* beyond ", text), "bias and the limit of outliers"
    assert "Estimates and residuals against the catalogue. teff: NMAD" in page


def test_without_the_columns_the_values_are_shown_alone(tmp_path):
    job = make_job(tmp_path, columns="other|more")
    make_values(job)
    text, page = text_of(job)
    assert "not compared with the catalogue, which has no such column (teff, feh)" in text
    assert "Distribution of the estimates: teff from 5010 to 5033" in page
    assert "Split “test”" not in text


def test_a_catalogue_that_is_gone_costs_no_report(tmp_path):
    job = make_job(tmp_path)
    make_values(job)
    (tmp_path / "catalog.csv").unlink()
    assert "not compared with the catalogue" in text_of(job)[0]


def test_an_object_that_has_left_the_catalogue_is_compared_with_no_other_row(tmp_path):
    job = make_job(tmp_path)
    make_values(job)
    path = tmp_path / "catalog.csv"
    path.write_text("".join(line for line in path.open() if not line.startswith("5|")))
    text, _ = text_of(job)
    assert "Split “test”: 10 objects" in text
