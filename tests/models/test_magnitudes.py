import numpy as np
import pytest

from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.config.sections.train_images import ImageTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.images.feature_names import feature_names
from survey_batch.images.features import POINT_SOURCES, PointSources, image_features
from survey_batch.models.magnitudes import colours, magnitude_trees, magnitudes_of, measured_magnitudes
from survey_batch.store.products import create_product, write_shard
from survey_batch.store.schema import OBJECT_COORDINATES, Schema, Shard, Variable
from tests.models.stars import BANDS, COLOURS, as_labelled, labels_of, make_stars

LABELS = labels_of(24)


def section_of(**keys) -> ImageTraining:
    return ImageTraining(classifier="-", **keys)


@pytest.fixture(scope="module")
def stars():
    return as_labelled(make_stars(LABELS, 1), LABELS)


def write_features(output, names, values) -> None:
    schema = Schema(
        "features",
        "object",
        {"object": len(values), "feature": len(names)},
        len(values),
        (*OBJECT_COORDINATES, Variable("value", ("object", "feature"), "f4")),
        {"feature": (("feature",), np.array(names), {})},
    )
    create_product(str(output), schema, {"job": "test", "provenance": {}})
    empty = np.full(len(values), "", object)
    data = {
        "object_id": np.array([f"id-{row}" for row in range(len(values))], object),
        "ra": np.zeros(len(values)),
        "dec": np.zeros(len(values)),
        "label": empty,
        "split": empty,
        "value": values,
    }
    write_shard(str(output), "features", Shard("object", 0, 0, len(values)), data, np.full(len(values), Status.OK))


def test_measured_colours_are_those_of_the_stars(stars):
    magnitude = measured_magnitudes(stars.block, BANDS)
    flux = np.array([COLOURS[label] for label in LABELS])
    wanted = -2.5 * np.log10(flux / flux[:, 2:3])
    np.testing.assert_allclose(magnitude - magnitude[:, 2:3], wanted, atol=0.25)
    assert abs(np.median(magnitude - magnitude[:, 2:3] - wanted)) < 0.02


@pytest.mark.parametrize("size", [16, 33, 64])
def test_small_cutouts_are_measured_in_a_smaller_ring(size):
    block = make_stars(LABELS[:4], 2, size)
    magnitude = measured_magnitudes(block, BANDS)
    assert np.isfinite(magnitude).all()
    assert np.median(np.abs(magnitude[1::2, 4] - magnitude[1::2, 2] + 2.5 * np.log10(1.6))) < 0.05


def test_trees_tell_colours_apart(stars):
    fit = magnitude_trees(magnitudes_of(stars, section_of()), ("A", "F", "K"))
    many = labels_of(80)
    probability = fit(as_labelled(make_stars(many, 3), many), 1)(stars)
    assert probability.shape == (24, 3)
    np.testing.assert_array_equal(probability[:, 1], 0)
    assert np.mean(np.array(["A", "F", "K"])[probability.argmax(axis=1)] == LABELS) > 0.9


def test_magnitudes_of_composites_are_those_of_the_same_objects_in_a_job(stars, tmp_path):
    block, section = stars.block, ImageFeaturesSection()
    known = PointSources(*(block[name] for name in POINT_SOURCES))
    values = image_features(block["flux"], block["x_object"], block["y_object"], section, BANDS, stars=known)
    write_features(tmp_path, feature_names(section, BANDS), values[:20])
    measure = magnitudes_of(stars, section_of(product="composites", magnitudes=str(tmp_path)))
    order = np.array([7, 3, 22])
    found = measure(stars.take(order))
    np.testing.assert_array_equal(found[:2], measured_magnitudes(block, BANDS)[[7, 3]])
    assert np.isnan(found[2]).all(), "object 22 is not there"


def test_without_a_source_of_magnitudes_there_is_no_baseline(stars, caplog):
    assert magnitudes_of(stars, section_of(product="composites")) is None
    assert "set train.magnitudes" in caplog.text


def test_features_without_fluxes_are_refused(stars, tmp_path):
    write_features(tmp_path, ["redshift"], np.zeros((3, 1), np.float32))
    with pytest.raises(ConfigurationError, match="hold no psf_flux_u"):
        magnitudes_of(stars, section_of(product="composites", magnitudes=str(tmp_path)))


def test_colours_are_blue_less_red():
    np.testing.assert_allclose(colours(np.array([[5.0, 4.0, 2.0]])), [[1, 2, 4]])
