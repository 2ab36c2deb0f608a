import csv

import pytest
from astropy.io import fits

from survey_batch.core.errors import ConfigurationError
from survey_batch.optics.psf_field import load_psf_field
from survey_batch.optics.seds import CLASSES
from survey_batch.simulate.exposures import simulate_stamps
from tests.stamp_files import small_archive, write_seds


def rows_of(catalog):
    with catalog.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_files_hold_each_star_of_the_catalogue(tmp_path):
    rows = rows_of(small_archive(tmp_path, objects=21, exposures=2, labelled=0.5, seed=4))
    assert len({row["object_id"] for row in rows}) == 21
    assert {row["label"] for row in rows} <= {"", *CLASSES}
    assert 0 < sum(row["label"] == "" for row in rows) < 21
    for name in ("exposure-0004", "exposure-0005"):
        with fits.open(tmp_path / "archive" / f"{name}.fits") as units:
            ids = {str(one) for one in units["STARS"].data["OBJECT_ID"]}
            assert ids == {row["object_id"] for row in rows if row["exposure"] == name}
            assert units["FLUX"].data.shape == (len(ids), 32, 32)
        assert load_psf_field(tmp_path / "archive" / f"{name}-psf-model.npz").exposure == name


def test_exposures_lie_apart_on_the_sky(tmp_path):
    rows = rows_of(small_archive(tmp_path, objects=10, exposures=2))
    ra = {name: [float(row["ra"]) for row in rows if row["exposure"] == name] for name in {r["exposure"] for r in rows}}
    low, high = sorted(ra.values(), key=min)
    assert max(low) < min(high)


def test_the_same_arguments_give_the_same_stars(tmp_path):
    for place in ("one", "two"):
        small_archive(tmp_path / place, objects=4)
    one, two = ((tmp_path / place / "archive" / "exposure-0001.fits").read_bytes() for place in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("wrong", [{"exposures": 0}, {"snr": (5.0, 1.0)}, {"labelled": 1.5}, {"offset": -1.0}])
def test_arguments_that_make_no_sense_are_refused(tmp_path, wrong):
    with pytest.raises(ConfigurationError, match="simulate_stamps"):
        simulate_stamps(tmp_path, seds=write_seds(tmp_path), **wrong)
