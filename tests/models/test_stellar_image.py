import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from survey_batch.config.sections.images import CompositesSection
from survey_batch.config.sections.train_images import ImageTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.composite import composite_images
from survey_batch.models.loading import load_classifier
from survey_batch.models.manifest import Manifest
from survey_batch.models.stellar_image import (
    ImageCNN,
    SmallViT,
    channels_last,
    crop_images,
    halves_as_channels,
    turned,
)
from tests.models.answers import assert_rows_answer_for_themselves
from tests.models.stars import BANDS, as_labelled, labels_of, make_stars

LABELS = labels_of(64)
CHANNELS = np.array(["red", "green", "blue"])


def section_of(**keys) -> ImageTraining:
    return ImageTraining(**{"classifier": "-", "crop": 16, "epochs": 12, "batch": 16, **keys})


def unfitted(section: ImageTraining, data) -> ImageCNN:
    recipe = ImageCNN.recipe_of(data, section)
    return ImageCNN(Manifest(kind="stellar-image", variant="cnn", classes=("A", "K"), recipe=recipe))


def small(variant):
    family = {"cnn": ImageCNN, "small-vit": SmallViT}[variant]
    data = as_labelled(make_stars(LABELS[:16], 1), LABELS[:16])
    return family.fit(data, section_of(variant=variant, epochs=1)), make_stars(LABELS[:12], 2)


@pytest.fixture(scope="module")
def fitted():
    return ImageCNN.fit(as_labelled(make_stars(LABELS, 1), LABELS), section_of())


@pytest.fixture(scope="module")
def composites():
    images = composite_images(make_stars(LABELS, 1)["flux"], BANDS, CompositesSection(bands="irg", pair="zru"))
    return as_labelled({"image": images}, LABELS, channel=CHANNELS)


def accuracy(classifier, block, labels) -> float:
    answer = np.array(classifier.classes)[classifier.predict_proba(block, batch=32).argmax(axis=1)]
    return float(np.mean(answer == labels))


@pytest.mark.slow
def test_stars_never_seen_are_told_apart_by_their_colour(fitted):
    assert accuracy(fitted, make_stars(LABELS, 2), LABELS) > 0.9, "chance is 0.5"


@pytest.mark.slow
def test_the_small_transformer_learns_from_pairs_of_composites(composites):
    section = section_of(product="composites", variant="small-vit", crop=16, epochs=30, learning_rate=3e-3)
    trained = SmallViT.fit(composites, section)
    images = composite_images(make_stars(LABELS, 2)["flux"], BANDS, CompositesSection(bands="irg", pair="zru"))
    assert accuracy(trained, {"image": images}, LABELS) > 0.9, "chance is 0.5"


@pytest.mark.bits
def test_rows_answer_for_themselves(fitted):
    assert_rows_answer_for_themselves(fitted, make_stars(LABELS[:40], 5), [0, 1, 15, 16, 39], batch=16)


@pytest.mark.parametrize("crop", [None, 7, 16, 64])
def test_each_row_is_prepared_by_itself(crop):
    block = make_stars(LABELS[:9], 5)
    block["flux"][3, 1, :5] = np.nan
    classifier = unfitted(section_of(crop=crop), as_labelled(block, LABELS[:9]))
    together = classifier.prepare(block)
    for row in range(9):
        np.testing.assert_array_equal(classifier.prepare({"flux": block["flux"][row : row + 1]})[0], together[row])


def test_a_star_whose_own_pixels_are_missing_in_a_band_is_not_classified_and_changes_no_other(fitted):
    block = make_stars(LABELS[:4], 7)
    whole = fitted.predict_proba(block, batch=8)
    block["flux"][2, 4, 33] = np.nan
    probability = fitted.predict_proba(block, batch=8)
    assert np.isnan(probability[2]).all()
    np.testing.assert_array_equal(probability[[0, 1, 3]], whole[[0, 1, 3]])


def test_a_star_at_a_frame_s_edge_is_classified_by_what_there_is(fitted):
    block = make_stars(LABELS[:2], 7)
    block["flux"][:, :, :, :20] = np.nan
    assert np.isfinite(fitted.predict_proba(block, batch=8)).all()


def test_a_black_image_is_not_classified(composites):
    image = np.stack([np.zeros((64, 128, 3), np.uint8), composites.block["image"][0]])
    recipe = ImageCNN.recipe_of(composites, section_of(product="composites"))
    assert ImageCNN.valid_rows({"image": image}, recipe).tolist() == [False, True]


def test_a_saved_classifier_answers_as_before(fitted, tmp_path):
    fitted.save(tmp_path)
    block = make_stars(LABELS[:8], 3)
    again = load_classifier(tmp_path)
    np.testing.assert_array_equal(again.predict_proba(block, batch=8), fitted.predict_proba(block, batch=8))


def test_the_recipe_names_bands_and_scale(fitted):
    recipe = fitted.recipe
    assert (recipe.product, recipe.variables, recipe.shape) == ("cutouts", ("flux",), (5, 64, 64))
    assert recipe.names == {"band": tuple(BANDS)}
    assert recipe.steps == {"method": "cutouts", "crop": 16, "softening": 0.1}


def test_a_crop_larger_than_the_image_is_refused():
    with pytest.raises(ConfigurationError, match="crop = 65 is more than the 64 x 64 pixels of cutouts"):
        ImageCNN.recipe_of(as_labelled(make_stars(LABELS, 1), LABELS), section_of(crop=65))


@settings(deadline=None, max_examples=25)
@given(st.permutations(range(5)), st.integers(0, 99))
def test_no_band_is_treated_in_a_way_of_its_own(order, seed):
    flux = np.random.default_rng(seed).normal(size=(2, 5, 3, 3)).astype(np.float32)
    flux[0, 2, 1] = np.nan
    images = channels_last(flux)
    np.testing.assert_array_equal(channels_last(flux[:, list(order)]), images[..., list(order)])
    np.testing.assert_array_equal(images, np.moveaxis(np.nan_to_num(flux), 1, -1))


@pytest.mark.bits
def test_images_are_cutouts_with_their_bands_last_and_nothing_missing():
    random = np.random.default_rng(1)
    flux = random.normal(size=(19, 5, 12, 10)).astype(np.float32)
    flux[random.random(flux.shape) < 0.1] = np.nan
    flux[3, 2, 1], flux[4] = np.inf, np.nan
    plain = np.moveaxis(np.where(np.isfinite(flux), flux, np.float32(0)), 1, -1)
    np.testing.assert_array_equal(channels_last(flux), plain)
    assert channels_last(flux).flags.c_contiguous


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 999))
def test_turning_images_keeps_all_pixels_and_their_colours(rows, size, seed):
    values = np.arange(rows * size * size).reshape(rows, size, size)
    images = np.stack([values, -values], axis=-1)
    changed, targets = turned(images, np.arange(rows), np.random.default_rng(seed))
    np.testing.assert_array_equal(changed[..., 0], -changed[..., 1])
    np.testing.assert_array_equal(targets, np.arange(rows))
    for row in range(rows):
        assert sorted(changed[row].ravel()) == sorted(images[row].ravel())


def test_every_flip_and_turn_occurs():
    image = np.arange(9).reshape(1, 3, 3, 1)
    changed, _ = turned(np.repeat(image, 500, axis=0), np.zeros(500), np.random.default_rng(1))
    assert len({tuple(one.ravel()) for one in changed}) == 8


def test_halves_of_a_pair_lie_behind_each_other():
    left, right = np.random.default_rng(1).integers(0, 256, (2, 3, 4, 4, 3), np.uint8)
    both = halves_as_channels(np.concatenate([left, right], axis=2))
    np.testing.assert_array_equal(both[..., :3], left)
    np.testing.assert_array_equal(both[..., 3:], right)
    np.testing.assert_array_equal(halves_as_channels(left), left)


def test_the_middle_of_an_image_is_kept():
    images = np.arange(36).reshape(1, 6, 6, 1).astype(np.uint8)
    assert crop_images(images, 2)[0, ..., 0].tolist() == [[14, 15], [20, 21]]
    np.testing.assert_array_equal(crop_images(images, 0), images)


def test_the_published_variant_has_its_own_defaults_and_needs_a_checkpoint():
    section = ImageTraining(classifier="-", variant="vit", checkpoint="vit-base", epochs=3)
    assert (section.epochs, section.batch, section.learning_rate, section.augment) == (3, 32, 1e-5, False)
    assert section.product == "composites"
    with pytest.raises(ValidationError, match=r"set train\.checkpoint"):
        ImageTraining(classifier="-", variant="vit")
    with pytest.raises(ValidationError, match="no cutouts, crop or augment"):
        ImageTraining(classifier="-", variant="vit", checkpoint="vit-base", product="cutouts")
