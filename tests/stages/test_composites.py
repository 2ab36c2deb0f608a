import json

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.images.composite import composite_images
from survey_batch.stages import make_stage
from survey_batch.stages.composites import CompositesStage
from tests.jobs import sdss_job

RNG = np.random.default_rng(7)


def stage(bands="ugriz", **composites):
    job = sdss_job(
        "unused", "unused", "unused", frames={"bands": bands}, cutouts={"size": 16}, composites=composites,
        stages=["cutouts", "composites"],
    )  # fmt: skip
    return make_stage(job, "composites")


def compute(made, flux):
    return made.compute({"ra": np.zeros(len(flux))}, {"flux": flux})


@pytest.mark.parametrize("recipe", [{}, {"pair": "urz"}, {"size": 24, "pair": "urz"}, {"scaling": "percentile"}])
def test_the_block_holds_the_images_in_the_product_s_shape(recipe):
    flux = RNG.normal(size=(4, 5, 16, 16)).astype(np.float32)
    made = stage(**recipe)
    block = compute(made, flux)
    schema = made.schema(4)
    (image,) = made.variables()
    assert image.dims == ("object", "y", "x", "channel")
    assert block.data["image"].shape == schema.shape(image)
    assert block.data["image"].dtype == np.dtype(image.dtype) == np.uint8
    assert block.status.tolist() == [Status.OK] * 4
    np.testing.assert_array_equal(block.data["image"], composite_images(flux, "ugriz", made.section))


def test_the_bands_are_taken_by_name_from_the_frames_bands():
    flux = RNG.normal(size=(2, 3, 16, 16)).astype(np.float32)
    turned = compute(stage(bands="irg"), flux[:, [2, 0, 1]])
    np.testing.assert_array_equal(compute(stage(bands="rgi"), flux).data["image"], turned.data["image"])


def test_the_product_says_which_band_is_which_colour():
    made = stage(bands="ugriz", pair="urz")
    (image,) = made.variables()
    assert image.attrs["bands"] == "irg as red, green, blue, in the left half"
    assert image.attrs["pair"] == "urz as red, green, blue, in the right half"
    assert made.coordinates()["channel"][1].tolist() == ["red", "green", "blue"]


def test_settings_are_the_cutouts_and_the_recipe_without_what_changes_no_value():
    settings = stage(keep=False, scale=0.1).settings()
    assert settings == stage().settings()
    assert stage().cutouts.settings().items() <= settings.items()
    assert (
        settings["composites.stretch"] == stage(stretch=settings["composites.stretch"]).settings()["composites.stretch"]
    )
    for change in ({"bands": "gri"}, {"pair": "urz"}, {"scaling": "percentile"}, {"q": 4}, {"stretch": 9}, {"size": 8}):
        assert stage(**change).settings() != settings


def test_settings_survive_json():
    settings = stage().settings()
    assert json.loads(json.dumps(settings)) == settings


def test_a_band_that_the_frames_lack_is_refused_before_work_begins():
    with pytest.raises(ConfigurationError, match=r"composites\.bands = 'irg' asks for band i.*frames\.bands"):
        stage(bands="ugrz").check()
    stage(bands="gri").check()


def test_a_resized_pair_costs_more_than_a_plain_image(tmp_path):
    class Plan:
        def size(self, axis):
            return 1000

    plain, large = (stage(**recipe).cost(Plan()) for recipe in ({}, {"pair": "urz", "size": 224}))
    assert large.cpu_seconds > plain.cpu_seconds > 0
    assert large.worker_bytes > plain.worker_bytes > 64 * 16 * 16 * 5 * 4


def test_the_stage_is_made_by_its_name():
    assert isinstance(stage(), CompositesStage)
