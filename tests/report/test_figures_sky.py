import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.report.figures_sky import Patch, find_patches, offsets, sky_section, unit_vectors
from survey_batch.report.objects import Objects


def objects_at(ra, dec):
    n = len(ra)
    text = {name: np.full(n, "", dtype=object) for name in ("object_id", "label", "split", "predicted")}
    status, usable = np.full(n, "ok", dtype=object), np.ones(n, bool)
    return Objects(
        n,
        np.arange(n),
        ra=np.array(ra),
        dec=np.array(dec),
        status=status,
        usable=usable,
        probability=None,
        classes=(),
        **text,
    )


def test_fields_far_apart_are_patches_the_largest_first():
    patches = find_patches(np.array([10.0, 10.1, 200.0, 200.1, 200.2]), np.array([5.0, 5.1, -40.0, -40.1, -40.0]))
    assert [patch.members.tolist() for patch in patches] == [[2, 3, 4], [0, 1]]


def test_a_field_across_right_ascension_zero_or_the_pole_is_one_patch():
    assert len(find_patches(np.array([359.9, 0.1]), np.array([0.0, 0.0]))) == 1
    assert len(find_patches(np.array([0.0, 120.0, 240.0]), np.array([89.9, 89.9, 89.9]))) == 1


@given(st.lists(st.tuples(st.floats(0, 359.9), st.floats(-90, 90)), min_size=1, max_size=30))
def test_objects_within_a_degree_are_never_in_two_patches(positions):
    ra, dec = (np.array(values) for values in zip(*positions, strict=True))
    patches = find_patches(ra, dec)
    patch_of = np.full(len(ra), -1)
    for number, patch in enumerate(patches):
        patch_of[patch.members] = number
    directions = unit_vectors(ra, dec)
    near = directions @ directions.T > np.cos(np.deg2rad(0.7))
    for a, b in np.argwhere(near):
        assert patch_of[a] == patch_of[b]


def test_offsets_are_arcminutes_east_and_north_across_zero():
    objects = objects_at([359.95, 0.05], [60.0, 60.1])
    east, north = offsets(objects, Patch(np.array([0, 1]), 0.0, 60.0))
    np.testing.assert_allclose(east, [-1.5, 3 * np.cos(np.deg2rad(60.1))], atol=1e-3)
    np.testing.assert_allclose(north, [0, 6], atol=1e-3)


def test_offsets_keep_areas_however_wide_the_patch_is_and_hold_at_the_pole():
    around = np.arange(0, 360, 90.0)
    east, north = offsets(objects_at(around, np.full(4, 60.0)), Patch(np.arange(4), 0.0, 90.0))
    np.testing.assert_allclose(np.hypot(east, north), 60 * np.rad2deg(2 * np.sin(np.deg2rad(15))))
    np.testing.assert_allclose(east[[1, 3]], [np.hypot(east, north)[0], -np.hypot(east, north)[0]])


def test_a_wide_patch_is_drawn_in_degrees_and_a_region_with_many_patches_is_one():
    ra, dec = (np.ravel(values) for values in np.meshgrid(np.arange(0, 12, 1.0), np.arange(0, 12, 1.0)))
    wide = sky_section(objects_at(ra, dec))
    assert "within 11.0 by 11.0 degrees" in wide
    assert wide.count("<img") == 2
    ra, dec = (np.ravel(values) for values in np.meshgrid(np.arange(0, 40, 8.0), np.arange(-20, 20, 8.0)))
    scattered = sky_section(objects_at(ra, dec))
    assert "1 patch." in scattered
    assert scattered.count("<img") == 2


def test_few_patches_get_a_zoom_and_a_whole_survey_does_not():
    few = sky_section(objects_at([10.0, 10.1, 200.0], [5.0, 5.1, 5.0]))
    assert few.count("<img") == 3
    assert "2 patches" in few
    random = np.random.default_rng(1)
    wide = sky_section(objects_at(random.uniform(0, 360, 500), random.uniform(-60, 60, 500)))
    assert wide.count("<img") == 1


def test_many_objects_are_shown_as_a_density(monkeypatch):
    monkeypatch.setattr("survey_batch.report.figures_sky.DENSE", 100)
    random = np.random.default_rng(1)
    made = sky_section(objects_at(random.uniform(0, 360, 500), random.uniform(-60, 60, 500)))
    assert "objects per square degree" in made


def test_objects_without_a_position_are_left_out():
    assert "1 patch." in sky_section(objects_at([np.nan, 10.0], [np.nan, 5.0]))
    assert sky_section(objects_at([np.nan], [np.nan])).count("<img") == 1
