"""`survey_batch.stages.spectra`: what becomes of files that hold something else, or nothing."""

import bz2
import gzip
import warnings
from dataclasses import replace

import numpy as np
import pytest
from astropy import units
from astropy.io import fits

from survey_batch.core.errors import ConfigurationError, NotFoundError
from survey_batch.core.status import Status
from survey_batch.spectra.grid import Spectrum
from survey_batch.spectra.reader import SpectrumReader
from survey_batch.stages import make_stage
from survey_batch.stages.spectra import ivar_units
from tests.jobs import lamost_job
from tests.lamost_files import make_archive, write_spectrum

NAME = "spec-55000-TEST_sp01-001.fits"
ROW = {
    "object_id": "1000", "obsid": "1000", "ra": 10.0, "dec": 0.0, "redshift": 0.0, "snr": 50.0, "lmjd": 55000,
    "planid": "TEST", "spid": 1, "fiberid": 1, "obsdate": "2011-10-27", "filename": NAME,
}  # fmt: skip


def stage_of(folder, spectra=None):
    tables = {"spectra": spectra or {"wavelength_min": 4000, "wavelength_max": 5000}}
    return make_stage(lamost_job(make_archive(folder, 0), folder / "out", ["spectra"], **tables), "spectra")


def rows_of(*rows):
    return {
        name: np.array([row[name] for row in rows], object if isinstance(value, str) else None)
        for name, value in ROW.items()
    }


def block_of(folder, spectra=None, **changes):
    return stage_of(folder, spectra).compute(rows_of(ROW | changes), {})


def spoil(path, change):
    write_spectrum(path, 1)
    with fits.open(path, mode="update") as units:
        change(units[0])


def all_nan(unit):
    unit.data[0] = np.nan


def all_zero(unit):
    unit.data[0] = 0


def no_ivar(unit):
    unit.data[1] = 0


def only_one_of_both(unit):
    unit.data[0, ::2] = np.nan
    unit.data[1, 1::2] = 0


@pytest.mark.parametrize("change", [all_nan, all_zero, no_ivar, only_one_of_both])
def test_a_spectrum_without_one_usable_pixel_is_unreadable(tmp_path, change):
    spoil(tmp_path / NAME, change)
    block = block_of(tmp_path)
    assert block.status.tolist() == [Status.UNREADABLE]
    (problem,) = block.problems
    assert "no pixel from 4000 to 5000 Angstrom" in problem.message
    assert problem.source == str(tmp_path / NAME)
    assert np.isnan(block.data["flux"]).all()


def test_one_usable_pixel_is_enough(tmp_path):
    def change(unit):
        unit.data[0, 1:] = np.nan

    spoil(tmp_path / NAME, change)
    whole = {"wavelength_min": 3600, "wavelength_max": 9000}
    assert block_of(tmp_path, whole).status.tolist() == [Status.OK]
    assert block_of(tmp_path).status.tolist() == [Status.UNREADABLE]


def test_another_objects_file_is_unreadable_with_both_names(tmp_path):
    spoil(tmp_path / NAME, lambda unit: unit.header.update(OBSID=1001, PLANID="TEST"))
    (problem,) = block_of(tmp_path).problems
    assert problem.status == Status.UNREADABLE
    assert "obsid 1001 instead of 1000" in problem.message


def test_each_row_holds_its_own_spectrum_whichever_others_are_missing(tmp_path):
    names = [NAME.replace("001.", f"{number:03}.") for number in range(1, 6)]
    rows = [ROW | {"object_id": name, "obsid": "", "fiberid": -1, "filename": name} for name in names]
    for number in (0, 2, 3):
        write_spectrum(tmp_path / names[number], number)
    stage = stage_of(tmp_path)
    block = stage.compute(rows_of(*rows), {})
    assert block.status.tolist() == [Status.OK, Status.NOT_FOUND, Status.OK, Status.OK, Status.NOT_FOUND]
    for row, alone in zip(range(5), ([row] for row in rows), strict=True):
        for name, values in stage.compute(rows_of(*alone), {}).data.items():
            np.testing.assert_array_equal(block.data[name][row], values[0])
    assert not np.array_equal(block.data["flux"][2], block.data["flux"][3])


def test_a_dispersion_that_the_survey_s_files_do_not_say_is_refused(tmp_path):
    stage_of(tmp_path).check()
    with pytest.raises(ConfigurationError, match="spectra.dispersion: of files of survey 'lamost', no dispersion is"):
        stage_of(tmp_path, {"dispersion": True}).check()


@pytest.mark.parametrize("given", [".fits", ".fits.gz", ".fits.bz2", ""])
@pytest.mark.parametrize(
    ("there", "pack"), [(".fits", bytes), (".fits.gz", gzip.compress), (".fits.bz2", bz2.compress)]
)
def test_a_file_is_found_whatever_the_catalogue_calls_it(tmp_path, given, there, pack):
    write_spectrum(tmp_path / NAME, 1)
    raw = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).with_suffix(there).write_bytes(pack(raw))
    assert block_of(tmp_path, filename=NAME.removesuffix(".fits") + given).status.tolist() == [Status.OK]


def test_a_missing_file_is_named_as_the_catalogue_does(tmp_path):
    (problem,) = block_of(tmp_path).problems
    assert problem.status == Status.NOT_FOUND
    assert problem.source == str(tmp_path / NAME)
    assert ".fits, .fits.gz and .fits.bz2" in problem.message


class Faulty(SpectrumReader):
    """A reader of another package: it stumbles over some files and rows."""

    fits = False

    def path(self, row):
        return {"1": "good", "2": "bad", "4": "uneven", "5": "uneven", "6": None}[row["object_id"]]

    def read(self, raw, rows):
        if raw == b"bad":
            raise KeyError("FLUX")
        if raw == b"none":
            return [None]
        if raw == b"uneven":
            whole = Spectrum(np.ones(900, "f4"), np.ones(900, "f4"), np.zeros(900, "i4"), 36100.0)
            return [whole, replace(whole, ivar=np.ones(899, "f4"))]
        return [NotFoundError("no such fibre")]


def block_by(folder, *ids, **contents):
    for name, raw in contents.items():
        (folder / name).write_bytes(raw)
    stage = stage_of(folder)
    stage.reader = Faulty(stage.context.origin.archive)
    return stage.compute(rows_of(*(ROW | {"object_id": name} for name in ids)), {})


def test_a_reader_that_fails_in_a_way_of_its_own_sets_aside_the_rows_of_that_file_alone(tmp_path):
    block = block_by(tmp_path, "1", "2", "3", "6", good=b"good", bad=b"bad")
    assert block.status.tolist() == [Status.NOT_FOUND, *[Status.FAILED] * 3]
    said = {problem.row: problem for problem in block.problems}
    failed = f"the reader of survey 'lamost' failed on {tmp_path / 'bad'} with KeyError: 'FLUX'"
    assert said[1].message.startswith(f"{failed} (stages/test_spectra.py, line ")
    assert "failed on object 3 with KeyError: '3' (stages/test_spectra.py, line " in said[2].message
    assert "with TypeError: path returned None and must return text; this is a fault" in said[3].message
    assert ", in read\n" in said[1].traceback
    assert ", in path\n" in said[2].traceback


def test_a_reader_that_returns_something_else_ends_the_run(tmp_path):
    with pytest.raises(ConfigurationError, match="read returned NoneType among 1 result for 1 row of good"):
        block_by(tmp_path, "1", good=b"none")


def test_a_spectrum_that_a_reader_made_wrongly_is_set_aside_alone_and_its_reader_is_named(tmp_path):
    block = block_by(tmp_path, "4", "5", uneven=b"uneven")
    assert block.status.tolist() == [Status.OK, Status.FAILED]
    (problem,) = block.problems
    assert problem.message.startswith(
        f"{tmp_path / 'uneven'}: the reader of survey 'lamost' returned a wrong spectrum of object 5: its arrays have"
    )


def test_a_range_that_a_spectrum_does_not_reach_is_told_with_the_spectrum_s_own(tmp_path):
    write_spectrum(tmp_path / NAME, 1)
    (problem,) = block_of(tmp_path, {"wavelength_min": 500, "wavelength_max": 600}).problems
    assert problem.status == Status.UNREADABLE
    assert "Angstrom, and [spectra] from 500 to 600" in problem.message


def test_the_unit_of_the_inverse_variance_needs_no_warning_of_how_the_job_spells_that_of_the_flux():
    with warnings.catch_warnings(action="error"):
        text = ivar_units("erg/s/cm2/AA")
    assert units.Unit(text) == units.Unit("cm4 Angstrom2 s2 / erg2")
