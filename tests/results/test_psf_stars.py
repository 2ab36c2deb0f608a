"""Stars chosen by confidence: joined by id, pixel conventions, and files that other programs read."""

import csv
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.nddata import NDData
from astropy.table import Table
from photutils.psf import extract_stars

from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.results.psf_stars import choose_psf_stars, like_most, write_psf_stars
from survey_batch.store.products import create_product, write_shard
from survey_batch.store.schema import Schema, Shard, Variable

ROWS = 40
FIELDS = "run,camcol,field\n94,6,11\n94,6,12\n"
LARGE = 19
"""A source that is sure to be a star, and larger than all others of its field."""


def job(output, **detect):
    return Job.model_validate(
        {
            "name": "t",
            "output": str(output),
            "stages": ["cutouts"],
            "catalog": {"path": str(output / "fields.csv"), "detect": detect},
            "archive": {"survey": "sdss", "root": "unused"},
        }
    )


def detections():
    """Two fields; x and y tell which source it is."""
    row = np.arange(ROWS)
    field = np.where(row < 25, 11, 12)
    columns = {name: row.astype(float) for name in ("ra", "dec", "sky", "error")}
    columns["half_light_radius"] = np.where(row == LARGE, 3.5, 2.0)
    columns |= {"x": 10.0 + row, "y": 500.0 + 2 * row, "flux": 1000.0 - row}
    key = {"rerun": np.full(ROWS, 301), "run": np.full(ROWS, 94), "camcol": np.full(ROWS, 6), "field": field}
    return pa.table({"object_id": [f"id-{number}" for number in row], **columns, **key})


@pytest.fixture
def output(tmp_path):
    """Predictions in another order than the detections, and one object without any."""
    pq.write_table(detections(), tmp_path / "detections.parquet")
    (tmp_path / "fields.csv").write_text(FIELDS)
    order = np.random.default_rng(1).permutation(ROWS)[:-1]
    confidence = (order % 10) / 10.0
    probability = np.column_stack([1 - confidence, confidence]).astype(np.float32)
    variables = (
        Variable("object_id", ("object",), "string"),
        Variable("probability", ("object", "class"), "f4"),
    )
    names = {"class": (("class",), np.array(["other", "good"]), {})}
    schema = Schema("predictions", "object", {"object": ROWS - 1, "class": 2}, 64, variables, names)
    create_product(str(tmp_path), schema, {"provenance": "{}"})
    data = {"object_id": np.array([f"id-{row}" for row in order], object), "probability": probability}
    shard = Shard("object", 0, 0, ROWS - 1)
    write_shard(str(tmp_path), "predictions", shard, data, np.ones(ROWS - 1, np.uint8))
    return tmp_path


def test_each_star_has_the_place_of_its_own_cutout_whatever_the_order(output):
    for one in choose_psf_stars(job(output), threshold=0.3):
        for star in one.stars.to_pylist():
            number = int(star["object_id"].removeprefix("id-"))
            assert (star["x"], star["y"], star["flux"]) == (10 + number, 500 + 2 * number, 1000 - number)
            assert star["confidence"] == pytest.approx(number % 10 / 10)


def test_the_surest_come_first_and_none_is_below_the_threshold(output):
    first, second = choose_psf_stars(job(output), threshold=0.7)
    assert [one.field for one in (first, second)] == [11, 12]
    for one in (first, second):
        confidence = one.stars["confidence"].to_numpy()
        assert np.all(np.diff(confidence) <= 0)
        assert confidence.min() >= 0.7 - 1e-6


def test_at_most_so_many_stars_of_each_field_are_taken(output):
    every, few = choose_psf_stars(job(output), 0.5), choose_psf_stars(job(output), 0.5, most=3)
    assert [one.stars.num_rows for one in few] == [3, 3]
    assert few[0].stars.equals(every[0].stars.slice(0, 3))


def test_a_source_of_another_size_than_most_is_left_out_unless_sizes_are_left_alone(output):
    alike, every = choose_psf_stars(job(output), 0.5)[0], choose_psf_stars(job(output), 0.5, size=0)[0]
    assert set(every.stars["object_id"].to_pylist()) - set(alike.stars["object_id"].to_pylist()) == {f"id-{LARGE}"}


@pytest.mark.parametrize("radius", [[], [2.0], [2.0, 4.0]])
def test_of_very_few_stars_none_is_left_out_for_its_size(radius):
    assert like_most(np.array(radius)).all()


def test_sizes_that_change_over_the_field_are_no_fault_of_its_stars():
    x, y = np.random.default_rng(1).uniform(0, 1000, (2, 40))
    radius = 2.0 + 0.4 * (x / 500 - 1)
    radius[7] *= 1.4
    alike = like_most(radius, position=np.column_stack([x, y]))
    assert np.flatnonzero(~alike).tolist() == [7]
    assert np.count_nonzero(~like_most(radius)) > 5, "one size for the whole field"


def test_a_field_without_chosen_stars_is_there_and_empty(output):
    assert [one.stars.num_rows for one in choose_psf_stars(job(output), threshold=0.95)] == [0, 0]


def test_image_columns_count_from_one_and_the_others_from_zero(output):
    stars = choose_psf_stars(job(output))[0].stars
    np.testing.assert_array_equal(stars["X_IMAGE"].to_numpy(), stars["x"].to_numpy() + 1)
    np.testing.assert_array_equal(stars["Y_IMAGE"].to_numpy(), stars["y"].to_numpy() + 1)


def test_files_of_all_forms_hold_the_same_stars(output):
    fields = choose_psf_stars(job(output), 0.5)
    paths = dict(write_psf_stars(fields, str(output / "stars"), ("fits", "csv", "assoc", "region")))
    whole = pq.read_table(output / "stars" / "psf-stars.parquet")
    assert whole.num_rows == sum(one.stars.num_rows for one in fields) == paths[f"{output}/stars/psf-stars.parquet"]
    assert set(whole["field"].to_pylist()) == {11, 12}
    one, name = fields[0], output / "stars" / "r-000094-6-0011"
    table = Table.read(f"{name}.fits")
    np.testing.assert_array_equal(table["X_IMAGE"], one.stars["X_IMAGE"].to_numpy())
    assert table.meta["FIELD"] == 11
    rows = list(csv.DictReader(io.StringIO(name.with_suffix(".csv").read_text())))
    assert [row["object_id"] for row in rows] == one.stars["object_id"].to_pylist()
    listed = np.loadtxt(name.with_suffix(".assoc"))
    np.testing.assert_allclose(listed[:, :2], np.column_stack([one.stars["X_IMAGE"], one.stars["Y_IMAGE"]]))
    circles = [line for line in name.with_suffix(".reg").read_text().splitlines() if line.startswith("circle")]
    assert len(circles) == one.stars.num_rows
    assert circles[0].startswith(f"circle({listed[0, 0]:.4f},{listed[0, 1]:.4f},8)")
    assert circles[0].endswith(f"text={{{one.stars['confidence'][0].as_py():.2f}}}")


def test_photutils_cuts_each_star_where_it_is(output):
    one = choose_psf_stars(job(output), 0.5)[0]
    image = np.zeros((700, 100))
    for star in one.stars.to_pylist():
        image[round(star["y"]), round(star["x"])] = 1.0
    stars = extract_stars(NDData(image), one.astropy(), size=5)
    assert len(stars) == one.stars.num_rows
    for star in stars:
        assert star.data[2, 2] == 1.0, "the middle of the stamp"


def test_a_job_whose_objects_are_no_detections_is_refused(output):
    plain = job(output).model_copy(update={"catalog": job(output).catalog.model_copy(update={"detect": None})})
    with pytest.raises(ConfigurationError, match=r"catalog\.detect"):
        choose_psf_stars(plain)


def test_a_job_without_predictions_is_refused(tmp_path):
    pq.write_table(detections(), tmp_path / "detections.parquet")
    with pytest.raises(ConfigurationError, match="no predictions"):
        choose_psf_stars(job(tmp_path))


def test_a_field_on_which_nothing_was_found_is_there_too(output, tmp_path):
    (tmp_path / "fields.csv").write_text(FIELDS + "94,6,13\n")
    assert [one.field for one in choose_psf_stars(job(output))] == [11, 12, 13]
