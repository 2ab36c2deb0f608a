"""The field of a position, against a search through all fields."""

import bz2

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.catalog import formats
from survey_batch.core.errors import ConfigurationError
from survey_batch.surveys.sdss.footprint import SHAPE, Footprint, read_footprint, to_scan, to_sky

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
    centred = (offset / fields.half).max(axis=1)[covers]
    return covers[np.lexsort((centred, -fields.score[covers]))[0]], covers.size


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
