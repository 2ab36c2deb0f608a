"""DESI's coadds, against astropy, and what they must not hold."""

import io

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from survey_batch.archive.fits_units import extensions, primary_unit
from survey_batch.core.errors import NotFoundError, UnreadableError
from survey_batch.spectra.checks import fault_of
from survey_batch.surveys.desi.files import KNOWN, MASK_BITS, OTHER, read_coadd

TARGETS = [39627646622924123, -7, 2**62 + 1, 39627646622924124]
GRIDS = {"B": 3600 + 0.8 * np.arange(60), "R": 3640 + 0.8 * np.arange(50), "Z": 3672 + 0.8 * np.arange(70)}


def units_of(compression="GZIP_1", arms="BRZ", **changed):
    """The parts of a small coadd: name to HDU."""
    random = np.random.default_rng(1)
    units = {"FIBERMAP": fits.BinTableHDU(Table({"OBJTYPE": ["TGT"] * 4, "TARGETID": TARGETS}), name="FIBERMAP")}
    for arm in arms:
        shape = len(TARGETS), GRIDS[arm].size
        mask = random.choice([0, 0, 0, 1 << 1, 1 << 8, 1 << 20], shape).astype("u4")
        ivar = np.where(random.random(shape) < 0.1, 0, random.uniform(1, 4, shape)).astype("f4")
        images = {"WAVELENGTH": GRIDS[arm], "FLUX": random.normal(10, 1, shape).astype("f4"), "IVAR": ivar}
        units |= {f"{arm}_{part}": fits.ImageHDU(image, name=f"{arm}_{part}") for part, image in images.items()}
        pack = fits.CompImageHDU if compression else None
        signed = mask.astype("i4")
        units[f"{arm}_MASK"] = (
            pack(signed, name=f"{arm}_MASK", compression_type=compression)
            if pack
            else fits.ImageHDU(mask, name=f"{arm}_MASK")
        )
    return {**units, **changed}


def flux_in(unit):
    """Fluxes of arm B whose header says a unit."""
    return fits.ImageHDU(np.ones((4, 60), "f4"), fits.Header({"BUNIT": unit}), name="B_FLUX")


def file_of(**options):
    stream = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), *filter(None, units_of(**options).values())]).writeto(stream)
    return stream.getvalue()


@pytest.mark.parametrize("compression", [None, "GZIP_1", "GZIP_2", "RICE_1"])
def test_pixels_of_one_arm_are_those_that_astropy_reads_and_shared_ones_are_averaged(compression):
    raw = file_of(compression=compression)
    spectra = read_coadd(raw, TARGETS)
    with fits.open(io.BytesIO(raw)) as file:
        parts = {hdu.name: np.array(hdu.data) for hdu in file[2:]}
    for row, spectrum in enumerate(spectra):
        assert fault_of(spectrum) is None
        wavelength = spectrum.wavelength
        np.testing.assert_allclose(wavelength, 3600 + 0.8 * np.arange(160), rtol=1e-12)
        for pixel, at in enumerate(wavelength):
            seen = []
            for arm in "BRZ":
                (place,) = np.nonzero(np.abs(parts[f"{arm}_WAVELENGTH"] - at) < 0.1)
                seen += [[parts[f"{arm}_{part}"][row, i] for part in ("FLUX", "IVAR", "MASK")] for i in place]
            good = [(flux, ivar) for flux, ivar, mask in seen if mask == 0 and ivar > 0]
            if len(good) == 1:  # the other arm, if there is one, is bad here
                assert (spectrum.flux[pixel], spectrum.ivar[pixel]) == good[0]
            elif good:
                flux, ivar = np.array(good, "f8").T
                assert spectrum.flux[pixel] == pytest.approx(np.sum(flux * ivar) / np.sum(ivar), rel=1e-6)
                assert spectrum.ivar[pixel] == pytest.approx(np.sum(ivar), rel=1e-6)
            else:
                assert (spectrum.flux[pixel], spectrum.ivar[pixel]) == tuple(seen[0][:2])
                bits = np.bitwise_or.reduce([int(mask) for _, _, mask in seen])
                assert spectrum.mask[pixel] == (bits & KNOWN) | (OTHER if bits & ~KNOWN else 0)
            if good:
                assert spectrum.mask[pixel] == 0


def test_a_target_is_found_by_all_digits_of_its_number_whatever_else_is_asked():
    raw = file_of()
    alone = [read_coadd(raw, [target])[0] for target in TARGETS]
    some = read_coadd(raw, [TARGETS[3], 2**62, TARGETS[0], TARGETS[0] + 2])
    assert [isinstance(one, NotFoundError) for one in some] == [False, True, False, True]
    assert f"TARGETID {2**62} " in str(some[1])
    assert some[0].flux.tobytes() == alone[3].flux.tobytes()
    assert some[2].flux.tobytes() == alone[0].flux.tobytes() != alone[3].flux.tobytes()


def test_a_coadd_of_fewer_arms_is_read():
    (spectrum,) = read_coadd(file_of(arms="RZ"), TARGETS[:1])
    assert spectrum.wavelength[0] == pytest.approx(3640)


def test_bits_of_the_mask_fit_into_those_of_a_survey():
    assert MASK_BITS["bad_column"] == 1 << 10
    assert max(MASK_BITS.values()) < 1 << 16


def table(**columns):
    return fits.BinTableHDU(Table(columns), name="FIBERMAP")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"FIBERMAP": None}, "no coadd of DESI"),
        ({"arms": ""}, "no coadd of DESI: it needs FIBERMAP and B_FLUX, and has FIBERMAP"),
        ({"FIBERMAP": table(FIBER=[1, 2, 3, 4])}, "no column TARGETID"),
        ({"FIBERMAP": table(TARGETID=[1.0, 2.0, 3.0, 4.0])}, "does not hold one whole number"),
        ({"FIBERMAP": table(TARGETID=TARGETS[:3])}, "3 targets"),
        ({"R_IVAR": None}, "has R_FLUX, but no R_IVAR"),
        ({"B_FLUX": fits.ImageHDU(np.ones((4, 59), "f4"), name="B_FLUX")}, "they must agree"),
        ({"B_MASK": fits.ImageHDU(np.ones((4, 60), "f4"), name="B_MASK")}, "the mask holds"),
        ({"Z_WAVELENGTH": fits.ImageHDU(GRIDS["Z"] + 0.3, name="Z_WAVELENGTH")}, "do not lie on one grid"),
        ({"Z_WAVELENGTH": fits.ImageHDU(GRIDS["Z"] + 8e6, name="Z_WAVELENGTH")}, "do not lie on one grid"),
        ({"Z_WAVELENGTH": fits.ImageHDU(GRIDS["Z"][::-1].copy(), name="Z_WAVELENGTH")}, "not increasing"),
        ({"B_FLUX": flux_in("erg/(s cm2 Angstrom)")}, "arm B: its fluxes are in 'erg/.s cm2 Angstrom.'"),
        ({"B_FLUX": flux_in("electron/Angstrom")}, "those of a coadd are in 1e-17 erg"),
    ],
)
def test_a_file_that_is_no_coadd_or_contradicts_itself_is_refused(changed, said):
    with pytest.raises(UnreadableError, match=said):
        read_coadd(file_of(**changed), TARGETS[:1])


@pytest.mark.parametrize(
    "unit", ["10**-17 erg/(s cm2 Angstrom)", "1e-17 erg/(s cm2 A)", "1E-17 ergs/s/cm^2/Ang", "flux"]
)
def test_the_unit_of_a_coadd_may_be_spelt_in_any_way(unit):
    (spectrum,) = read_coadd(file_of(arms="B", B_FLUX=flux_in(unit)), TARGETS[:1])
    assert spectrum.flux.max() == 1


def test_a_file_that_is_cut_or_damaged_is_refused():
    raw = file_of(arms="B")
    (mask,) = [unit for unit in extensions(primary_unit(raw)) if unit.value("EXTNAME") == "B_MASK"]
    for size in (*range(0, mask.data + mask.nbytes, 2003), mask.data + mask.nbytes - 1):
        with pytest.raises(UnreadableError):
            read_coadd(raw[:size], TARGETS[:1])
    tiles = mask.data + 8 * len(TARGETS)
    with pytest.raises(UnreadableError, match="damaged|tile of a compressed"):
        read_coadd(raw[:tiles] + b"\xff" * 20 + raw[tiles + 20 :], TARGETS[:1])


def test_a_target_that_comes_again_is_in_doubt_and_the_others_are_not():
    raw = file_of(FIBERMAP=fits.BinTableHDU(Table({"TARGETID": [7, 8, 9, 7]}), name="FIBERMAP"))
    first, other = read_coadd(raw, [7, 8])
    assert isinstance(first, UnreadableError)
    np.testing.assert_array_equal(other.flux, read_coadd(file_of(), TARGETS)[1].flux)
