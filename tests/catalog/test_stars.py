"""Stars are found strip by strip, and are those that one tree of all rows gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from survey_batch.catalog import rows
from survey_batch.catalog import stars as module
from survey_batch.catalog.stars import find_neighbours, group_by_star
from survey_batch.core.sphere import chord, unit_vectors

ARCSEC = 1 / 3600


def in_one_tree(ra, dec, radius_arcsec):
    """The plain way: all distinct positions in one tree."""
    known = np.isfinite(ra) & np.isfinite(dec)
    points, position_of = np.unique(np.column_stack([dec[known], ra[known]]), axis=0, return_inverse=True)
    star = np.empty(len(ra), dtype=np.int64)
    if len(points):
        tree = cKDTree(unit_vectors(points[:, 1], points[:, 0]))
        pairs = tree.query_pairs(chord(radius_arcsec / 3600), output_type="ndarray")
        links = coo_array((np.ones(len(pairs), bool), pairs.T), shape=(len(points), len(points)))
        star[known] = connected_components(links, directed=False)[1][position_of.ravel()]
    star[~known] = len(points) + np.arange(np.sum(~known))
    return np.unique(star, return_inverse=True)[1]


# Steps of 2 arcsec and a radius of 3.1: no separation is so near to the radius that rounding decides.
PLACES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12), st.booleans()), max_size=60)


@settings(max_examples=60)
@given(PLACES, st.sampled_from([-89.9995, -20.0, 0.0, 60.0]), st.sampled_from([0.0, 180.0, 359.997]), st.integers(1, 9))
def test_stars_found_strip_by_strip_are_those_of_one_tree(places, dec, ra, strip):
    x, y, known = (np.array(values) for values in zip(*places, strict=True)) if places else ([], [], [])
    ras = (ra + np.array(x, float) * 2 * ARCSEC) % 360
    decs = np.where(np.array(known, bool), dec + np.array(y, float) * 2 * ARCSEC, np.nan)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STRIP_ROWS", strip)
        assert group_by_star(ras, decs, 3.1).tolist() == in_one_tree(ras, decs, 3.1).tolist()


@settings(max_examples=60)
@given(PLACES, st.data(), st.integers(1, 9), st.sampled_from([2.1, 3.1, 4.1]))
def test_neighbours_found_once_give_the_stars_of_smaller_radii_and_of_some_of_the_rows(places, data, strip, radius):
    x, y, known = (np.array(values) for values in zip(*places, strict=True)) if places else ([], [], [])
    ras = 10 + np.array(x, float) * 2 * ARCSEC
    decs = np.where(np.array(known, bool), np.array(y, float) * 2 * ARCSEC, np.nan)
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(ras), max_size=len(ras))), bool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STRIP_ROWS", strip)
        patch.setattr(rows, "SLICE", strip)
        near = find_neighbours(ras, decs, 4.1)
        assert near.stars(radius).tolist() == group_by_star(ras, decs, radius).tolist()
        found = near.kept(chosen).stars(radius)
    assert found.tolist() == group_by_star(ras[chosen], decs[chosen], radius).tolist()


@pytest.mark.parametrize("strip", [1, 7, 500])
def test_strips_of_any_size_give_one_answer_over_the_whole_sky(monkeypatch, strip):
    monkeypatch.setattr(module, "STRIP_ROWS", strip)
    rng = np.random.default_rng(3)
    ra, dec = rng.uniform(0, 360, 300), np.degrees(np.arcsin(rng.uniform(-1, 1, 300)))
    visit = rng.integers(0, 300, 900)
    ra = (ra[visit] + rng.uniform(-1, 1, 900) * ARCSEC) % 360
    dec = np.clip(dec[visit] + rng.uniform(-1, 1, 900) * ARCSEC, -90, 90)
    assert group_by_star(ra, dec, 2.0).tolist() == in_one_tree(ra, dec, 2.0).tolist()
