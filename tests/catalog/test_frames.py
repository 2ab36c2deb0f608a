"""Positions in another frame than ICRS are refused; sky coordinates of astropy are found."""

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import QTable

from survey_batch.catalog.frames import other_frame
from survey_batch.catalog.source import Column
from survey_batch.core.errors import ConfigurationError
from tests.catalog.sky import DEC, RA, assert_read, read_sky, sky_table


@pytest.mark.parametrize(
    ("column", "other"),
    [
        (Column("ra"), False),
        (Column("ra", frame="ICRS"), False),
        (Column("ra", frame="icrs J2016.0"), False),
        (Column("RAJ2000", frame="eq_FK5 J2000"), False),
        (Column("ra", frame="fk5 2000.000"), False),
        (Column("ra", frame="fk5 J1975.000"), True),
        (Column("ra", frame="eq_FK5 B1950"), True),
        (Column("ra", frame="eq_FK4 B1950"), True),
        (Column("ra", frame="cirs"), True),
        (Column("ra", frame="precessedgeocentric J2026.500"), True),
        (Column("ra", frame="hcrs"), False),
        (Column("lon", frame="galactic"), True),
        (Column("lon", frame="ecl_FK5"), True),
        (Column("l", ucd="pos.galactic.lon;meta.main"), True),
        (Column("l", ucd="POS_GAL_LON"), True),
        (Column("lat", ucd="POS_EC_LAT"), True),
        (Column("ra", ucd="pos.eq.ra;meta.main"), False),
        (Column("ra", ucd="POS_EQ_RA_MAIN"), False),
        (Column("RAB1950"), True),
        (Column("ra_b1875"), True),
        (Column("ra1950"), True),
        (Column("RA (B1950)"), True),
        (Column("RAJ1950"), True),
        (Column("dec_fk4"), True),
        (Column("RA_2000"), False),
        (Column("RA1991.25"), False),
        (Column("sub1950x"), False),
    ],
)
def test_a_frame_is_known_by_what_the_file_says_and_by_the_name(column, other):
    assert bool(other_frame(column)) == other


@pytest.mark.parametrize(
    ("cards", "refused"),
    [
        ({"RADESYS": "FK4", "EQUINOX": 1950.0}, "FK4 1950"),
        ({"RADESYS": "FK4"}, "FK4"),
        ({"RADECSYS": "FK5", "EQUINOX": 1975.0}, "FK5 1975"),
        ({"EQUINOX": 1950.0}, "FK4 1950"),
        ({"EQUINOX": "B1950"}, "FK4 1950"),
        ({"RADESYS": "GAPPT"}, "GAPPT"),
        ({"RADESYS": "ICRS", "EQUINOX": 2016.0}, ""),
        ({"RADESYS": "FK5", "EQUINOX": 2000.0}, ""),
        ({"EQUINOX": "J2000"}, ""),
        ({"EQUINOX": 2000}, ""),
        ({"EQUINOX": "none"}, ""),
        ({"EPOCH": 1950.0}, ""),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_the_frame_in_a_fits_header_is_heeded(tmp_path, cards, refused, place):
    table = fits.BinTableHDU(sky_table())
    hdus = fits.HDUList([fits.PrimaryHDU(), table])
    hdus[place].header.update(cards)
    hdus.writeto(tmp_path / "c.fits")
    if not refused:
        assert_read(read_sky(tmp_path / "c.fits"))
        return
    with pytest.raises(ConfigurationError, match=rf"column 'ra' of .* \({refused}\): convert positions to ICRS"):
        read_sky(tmp_path / "c.fits")


def test_a_column_that_names_its_equinox_and_the_frame_of_an_image_are_left_alone(tmp_path):
    table = fits.BinTableHDU(sky_table())
    table.columns.change_name("ra", "RAJ2000")
    table.columns.change_name("dec", "DEJ2000")
    table.header["RADESYS"] = "FK4"
    table.writeto(tmp_path / "named.fits")
    assert_read(read_sky(tmp_path / "named.fits"))
    image = fits.PrimaryHDU(np.zeros((2, 2)))
    image.header["RADESYS"] = "FK4"
    fits.HDUList([image, fits.BinTableHDU(sky_table())]).writeto(tmp_path / "image.fits")
    assert_read(read_sky(tmp_path / "image.fits"))


def sky_coordinates(frame):
    table = QTable(sky_table())
    table["sky"] = SkyCoord(RA, DEC, unit=units.deg).transform_to(frame)
    table.remove_columns(["ra", "dec"])
    return table


@pytest.mark.parametrize("name", ["c.ecsv", "c.fits", "c.parquet"])
def test_sky_coordinates_of_astropy_are_read_in_icrs_and_refused_in_fk4(tmp_path, name):
    sky_coordinates("icrs").write(tmp_path / name)
    assert_read(read_sky(tmp_path / name))
    sky_coordinates("fk4").write(tmp_path / name, overwrite=True)
    with pytest.raises(ConfigurationError, match=r"column 'sky.ra' of .* is not in ICRS or J2000 \(fk4 B1950"):
        read_sky(tmp_path / name)


def test_galactic_coordinates_are_refused_where_the_job_takes_them_for_ra_and_dec(tmp_path):
    sky_coordinates("galactic").write(tmp_path / "c.ecsv")
    with pytest.raises(ConfigurationError, match=r"column 'sky.l' of .* is not in ICRS or J2000 \(galactic\)"):
        read_sky(tmp_path / "c.ecsv", columns={"ra": "sky.l", "dec": "sky.b"})


@pytest.mark.parametrize(
    ("system", "refused"), [('system="ICRS" epoch="J2016.0"', False), ('system="eq_FK4" equinox="B1950"', True)]
)
def test_the_coordinate_system_of_a_votable_is_heeded(tmp_path, system, refused):
    path = tmp_path / "c.vot"
    sky_table().write(path, format="votable")
    text = (
        path.read_text()
        .replace("<TABLE", f'<COOSYS ID="s" {system}/><TABLE', 1)
        .replace('name="ra"', 'name="ra" ref="s"')
    )
    path.write_text(text)
    if not refused:
        assert_read(read_sky(path))
        return
    with pytest.raises(ConfigurationError, match=r"column 'ra' of .* \(eq_FK4 B1950\): convert positions to ICRS"):
        read_sky(path)
