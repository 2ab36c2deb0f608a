"""The telescope behind stamps: each star has the field of its own exposure."""

import numpy as np
import pytest

from survey_batch.config.sections.train_stamps import StampTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models import stamp_optics
from survey_batch.models.labelled import Labelled
from survey_batch.models.stamp_optics import (
    StampOptics,
    enough_pixels,
    exposure_known,
    exposures_named,
    read_optics,
    stamp_recipe,
)
from survey_batch.optics.diffraction import Optics
from survey_batch.optics.exposure import exposure_key
from survey_batch.optics.psf_field import random_psf_field

TINY = Optics(pupil_pixels=32, bins=2, order=2)


def field(seed, name="", optics=TINY):
    return random_psf_field(seed, optics, name)


def two():
    return StampOptics({exposure_key(name): field(seed, name) for seed, name in enumerate(("a", "µ"), 1)})


def block(*stars):
    names, x, y = zip(*stars, strict=True)
    keys = np.array([exposure_key(name) for name in names])
    return {"exposure_key": keys, "x_field": np.array(x, float), "y_field": np.array(y, float)}


def test_a_star_gets_the_psf_of_its_exposure_at_its_place_and_others_a_perfect_one(monkeypatch):
    monkeypatch.setattr(stamp_optics, "AT_ONCE", 2)
    optics = two()
    unknown = (("nobody", 10, 900), ("a", np.nan, 3))
    stars = block(("µ", 10, 900), ("a", 10, 900), *unknown, ("µ", 500, 500), ("µ", 3, np.nan))
    spans, planes = zip(*optics.planes(stars), strict=True)
    assert [(span.start, len(part)) for span, part in zip(spans, planes, strict=True)] == [(0, 2), (2, 2), (4, 2)]
    found = np.concatenate(planes)
    first, second = (optics.fields[exposure_key(name)] for name in ("a", "µ"))
    perfect = np.zeros((1, len(TINY.zernikes)))
    wanted = [
        second.zernikes([10], [900]),
        first.zernikes([10], [900]),
        perfect,
        perfect,
        second.zernikes([500], [500]),
        perfect,
    ]
    np.testing.assert_allclose(found, np.concatenate([TINY.planes(one) for one in wanted]), atol=1e-6)
    assert not np.allclose(found[0], found[1], atol=1e-4)


def test_no_stars_have_no_planes():
    none = {name: values[:0] for name, values in block(("a", 1, 1)).items()}
    assert list(two().planes(none)) == []


def test_fields_come_back_from_arrays_as_they_were():
    optics = two()
    again = StampOptics.from_arrays(optics.arrays())
    assert list(again.fields) == list(optics.fields)
    assert again.optics == optics.optics
    for key, one in optics.fields.items():
        assert again.fields[key].size == one.size
        np.testing.assert_array_equal(again.fields[key].coefficients, one.coefficients)


def section(folder, *fields):
    paths = []
    for number, one in enumerate(fields):
        one.save(folder / f"{number}.npz")
        paths.append(str(folder / f"{number}.npz"))
    return StampTraining(classifier="-", psf_model=tuple(paths) or None)


def test_models_are_read_by_their_exposure(tmp_path):
    read = read_optics(section(tmp_path, field(1, "a"), field(2, "µ")))
    assert set(read.fields) == {exposure_key("a"), exposure_key("µ")}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([], "train.psf_model is not set: variant 'likelihood' .*; name the psf-model.npz of each exposure"),
        ([field(1, "a"), field(2, "a")], "two of the models are of the same exposure; name one per exposure"),
        (
            [field(1, "a"), field(2, "b", Optics(pupil_pixels=32, bins=3, order=2))],
            "the models differ in sampling or degree; make them alike",
        ),
    ],
)
def test_models_that_do_not_go_together_are_refused(tmp_path, fields, said):
    with pytest.raises(ConfigurationError, match=said):
        read_optics(section(tmp_path, *fields))


def test_pixels_count_that_have_a_flux_and_a_positive_inverse_variance():
    flux = np.ones((4, 2, 2))
    flux[1, 0, 0] = np.nan
    ivar = np.ones((4, 2, 2))
    ivar[2, 0], ivar[3, 0, 0] = 0, np.nan
    assert enough_pixels({"flux": flux}, 1.0).tolist() == [True, False, True, True]
    assert enough_pixels({"flux": flux, "ivar": ivar}, 0.75).tolist() == [True, True, False, True]
    assert enough_pixels({"flux": flux[:0]}, 0.5).tolist() == []


def test_a_star_is_known_by_its_exposure_and_its_place():
    shape = np.zeros((1, 5, 5))
    data = Labelled({"flux": shape, "exposure_key": shape[:, 0, 0]}, *(np.array([""]),) * 3, np.zeros(1, int), {})
    recipe = stamp_recipe(data, ("flux", "exposure_key"), {"exposures": exposures_named(two())})
    assert (recipe.shape, recipe.shapes, recipe.units["flux"]) == ((5, 5), {"exposure_key": ()}, "1")
    stars = block(("a", 1, 2), ("µ", 1, np.nan), ("nobody", 1, 2), ("µ", 3, 4))
    assert exposure_known(stars, recipe).tolist() == [True, False, False, True]
    assert exposures_named(two()) == " ".join(sorted(exposures_named(two()).split(), key=int))
