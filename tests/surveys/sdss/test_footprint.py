"""The field of a position, against a search through all fields."""

import bz2
import os

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog import formats
from survey_batch.catalog.footprint import Footprint, to_scan, to_sky
from survey_batch.core.errors import ConfigurationError
from survey_batch.surveys.sdss.footprint import SHAPE, read_footprint

ANGLES = st.floats(-80, 80)


@given(st.floats(0, 359.9), ANGLES, st.floats(0, 359), ANGLES)
def test_great_circle_coordinates_lead_back(ra, dec, node, inclination):
    mu, nu = to_scan(np.array(ra), np.array(dec), np.array(node), np.array(inclination))
    back = to_sky(mu, nu, node, inclination)
    assert (back[0] - ra + 180) % 360 - 180 == pytest.approx(0, abs=1e-8)
    assert back[1] == pytest.approx(dec, abs=1e-9)


def footprint(random, fields=300):
    """Fields that lie close together and over each other, some of them across ra = 0."""
    start, low = 358 + random.uniform(0, 4, fields), random.uniform(-1, 1, fields)
    tilt = random.uniform(-2, 2, fields)
    start[:40], low[:40], tilt[:40] = 359.6 + random.uniform(-0.05, 0, 40), low[:40] / 20, 0
    bounds = [start, start + 0.16, low, low + 0.22, np.full(fields, 95.0), tilt]
    key = {name: np.arange(fields) for name in ("rerun", "run", "camcol", "field")}
    return Footprint(key, np.stack(bounds, axis=-1), random.choice([0.2, 0.9], fields))


def by_hand(fields, ra, dec):
    """The best of all fields that cover one position."""
    mu, nu = to_scan(ra, dec, fields.node, fields.inclination)
    along = np.abs((mu - fields.middle[:, 0] + 180) % 360 - 180)
    offset = np.stack([along, np.abs(nu - fields.middle[:, 1])], axis=-1)
    covers = np.flatnonzero((offset <= fields.half).all(axis=1))
    if not covers.size:
        return -1, 0
    room = (1 - offset / fields.half).prod(axis=1)[covers]
    return covers[np.lexsort((-room, -fields.score[covers]))[0]], covers.size


@pytest.mark.parametrize("seed", [1, 2])
def test_of_the_fields_that_cover_a_position_the_best_is_found(seed):
    random = np.random.default_rng(seed)
    fields = footprint(random)  # so many in some places that the nearest 16 are not enough
    ra, dec = random.uniform(357.8, 362.2, 400) % 360, random.uniform(-1.4, 1.4, 400)
    ra[:20], dec[:20] = 359.65, random.uniform(-0.05, 0.2, 20)
    found = fields.find(ra, dec)
    expected = [by_hand(fields, *position) for position in zip(ra, dec, strict=True)]
    assert list(zip(found.index, found.fields, strict=True)) == expected
    assert found.fields.max() > 16
    assert ((found.distance == 0) == (found.index >= 0)).all()


def test_a_position_outside_knows_how_far_and_one_without_numbers_knows_nothing():
    key = {name: np.array([7]) for name in ("rerun", "run", "camcol", "field")}
    one = Footprint(key, np.array([[95.0, 95.2, -0.1, 0.1, 95.0, 0.0]]), np.ones(1))
    found = one.find(np.array([95.1, 95.5, 95.1, 275.0, np.nan]), np.array([0.0, 0.0, -0.5, 0.0, 0.0]))
    assert found.index.tolist() == [0, -1, -1, -1, -1]
    assert found.distance[:4] == pytest.approx([0, 0.3, 0.4, 179.8], abs=0.01)
    assert np.isnan(found.distance[4])


def test_a_distance_is_one_on_the_sphere_also_far_from_the_scan():
    key = {name: np.array([7]) for name in ("rerun", "run", "camcol", "field")}
    one = Footprint(key, np.array([[95.0, 95.2, -0.1, 0.1, 95.0, 0.0]]), np.ones(1))
    found = one.find(np.array([95.1, 275.1, 185.1]), np.array([89.9, 89.9, 80.0]))
    assert found.distance == pytest.approx([89.8, 90.0, 89.9], abs=0.1)


def test_a_field_may_pass_360_degrees_either_way():
    key = {name: np.arange(2) for name in ("rerun", "run", "camcol", "field")}
    bounds = np.array([[359.9, 0.06, -0.1, 0.1, 95.0, 0.0], [359.9, 360.06, 0.2, 0.4, 95.0, 0.0]])
    found = Footprint(key, bounds, np.ones(2)).find(np.array([359.95, 0.05, 0.05, 180.0]), np.array([0, 0, 0.3, 0]))
    assert found.index.tolist() == [0, 0, 1, -1]


def test_more_fields_of_a_position_take_fewer_positions_at_a_time(monkeypatch):
    random = np.random.default_rng(3)
    fields = footprint(random)
    ra, dec = random.uniform(359.5, 359.9, 200), random.uniform(-0.1, 0.3, 200)
    expected, most = fields.find(ra, dec), []
    best = Footprint._best
    monkeypatch.setattr(
        Footprint, "_best", lambda self, near, *where: most.append(near.size) or best(self, near, *where)
    )
    monkeypatch.setattr("survey_batch.catalog.footprint.BLOCK", 40)
    found = fields.find(ra, dec)
    assert found.index.tolist() == expected.index.tolist()
    assert max(most) <= 40 * 16


HEADER = "run,camcol,field,mu_start,mu_end,nu_start,nu_end,node,incl"


def test_rows_that_are_no_fields_are_left_out_and_counted(tmp_path):
    path = tmp_path / "fields.csv"
    rows = ("94,1,11,95,95.2,-.1,.1,95,0", "94,1,12,95.2,x,-.1,.1,95,0", "94,1,13,95,195,-.1,.1,95,0")
    path.write_text("\n".join([HEADER, *rows, "94,-1,14,95,95.2,-.1,.1,95,0", "94,1,15,,,,,,"]) + "\n")
    read = read_footprint(str(path))
    assert (read.key["field"].tolist(), read.left_out) == ([11], 4)


def test_a_list_that_was_corrected_is_read_again(tmp_path):
    path = tmp_path / "fields.csv"
    for number, stamp in ((11, 1000), (12, 2000)):
        path.write_text(f"{HEADER}\n94,1,{number},95,95.2,-.1,.1,95,0\n")
        os.utime(path, (stamp, stamp))
        assert read_footprint(str(path)).key["field"].tolist() == [number]
        assert read_footprint(str(path)) is read_footprint(str(path))


def test_the_surveys_own_list_is_read_and_what_is_none_is_refused(tmp_path):
    path = tmp_path / "window_flist.fits"
    numbers = {"MU_START": 95.0, "MU_END": 95.2, "NU_START": -0.1, "NU_END": 0.1, "NODE": 95.0, "INCL": 0.0}
    columns = [fits.Column(name, "D", array=[value, np.nan]) for name, value in numbers.items()]
    columns += [
        fits.Column(name, "J", array=[value, 1]) for name, value in {"RUN": 94, "CAMCOL": 1, "FIELD": 11}.items()
    ]
    columns += [fits.Column("RERUN", "3A", array=["301", "301"]), fits.Column("PSF_FWHM", "5E", array=np.ones((2, 5)))]
    fits.BinTableHDU.from_columns(columns).writeto(path)
    read = read_footprint(str(path))
    assert {name: values.tolist() for name, values in read.key.items()} == {
        "rerun": [301],
        "run": [94],
        "camcol": [1],
        "field": [11],
    }
    (tmp_path / "other.csv").write_text("run,ra\n1,2\n")
    with pytest.raises(ConfigurationError, match="no column camcol, field, mustart.* no list of fields; name SDSS's"):
        read_footprint(str(tmp_path / "other.csv"))
    with pytest.raises(ConfigurationError, match="archive.fields: there is no file"):
        read_footprint(str(tmp_path / "none.fits"))


def test_every_object_of_real_frames_finds_its_own_field(real_data):
    key, bounds = [], []
    for path in sorted(real_data.glob("sdss/eboss/photoObj/frames/301/*/*/frame-r*.bz2")):
        with path.open("rb") as file:  # the header is in the first of many blocks
            header = fits.Header.fromstring(bz2.BZ2Decompressor().decompress(file.read(900_000), 28_800))
        rows, columns = header["NAXIS2"], header["NAXIS1"]
        corners = np.array([-0.5, columns - 0.5] * 2), np.array([-0.5, -0.5, rows - 0.5, rows - 0.5])
        ra, dec = WCS(header).pixel_to_world_values(*corners)
        mu, nu = to_scan(ra, dec, np.array(header["NODE"]), np.array(header["INCL"]))
        bounds.append([mu.min(), mu.max(), nu.min(), nu.max(), header["NODE"], header["INCL"]])
        key.append([header["RERUN"], header["RUN"], header["CAMCOL"], header["FRAME"]])
    names = ("rerun", "run", "camcol", "field")
    fields = Footprint(dict(zip(names, np.array(key, int).T, strict=True)), np.array(bounds), np.ones(len(key)))
    sources = formats.open_source(str(real_data / "sdss" / "sources.csv")).read(["ra", "dec", "run", "camcol", "field"])
    table = {name: sources.table[name].to_numpy().astype(float) for name in sources.table.column_names}
    found = fields.find(table["ra"], table["dec"])
    assert len(SHAPE) == len(bounds[0])
    assert len(found.index) == 878
    for name in ("run", "camcol", "field"):
        assert (fields.key[name][found.index] == table[name]).all()
