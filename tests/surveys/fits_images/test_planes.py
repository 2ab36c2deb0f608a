"""Noise and masks beside images: cutouts have what astropy cuts from the same files, and bad files say why."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

import survey_batch as sb
from survey_batch.config.jobfile import load_job
from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.core.errors import ConfigurationError, UnreadableError
from survey_batch.core.status import Status
from survey_batch.images.features import POINT_SOURCES, PointSources, image_features
from survey_batch.images.quality import BAD_IVAR, NO_DATA
from survey_batch.images.register import MARGIN, resample_mask, subpixel_span
from survey_batch.planning.plan import make_plan
from survey_batch.store.notes import collect_problems
from survey_batch.store.problems import read_problems
from survey_batch.surveys.fits_images.files import read_image
from survey_batch.surveys.fits_images.planes import with_noise
from survey_batch.surveys.fits_images.survey import FITS_IMAGES
from tests.image_files import SHAPE, file_of, header, pixels
from tests.jobs import write_catalog
from tests.surveys.fits_images.test_job import SIZE, asinh_scaled, done, job

BITS = (0, 5, 20)
FACTOR = 0.1
"""Nanomaggies of an image whose zero point is 25."""


def noise_of(kind, seed=5):
    """Variances with everything that can be wrong, as images hold them: `ivar`, `variance` or `sigma`."""
    variance = np.random.default_rng(seed).uniform(0.5, 2, SHAPE).astype(np.float32)
    made = {"ivar": 1 / variance, "variance": variance, "sigma": np.sqrt(variance)}[kind]
    made[30:34, 45] = [np.nan, np.inf, -1, 0]
    return made


def mask_of(seed=6, dtype=np.int32):
    rng = np.random.default_rng(seed)
    return np.where(rng.random(SHAPE) < 0.2, rng.integers(1, 1 << 14, SHAPE), 0).astype(dtype)


def packed(data, cards=None, kind="RICE_1", level=16.0):
    return file_of(fits.PrimaryHDU(), fits.CompImageHDU(data, cards, compression_type=kind, quantize_level=level))


def apart(root, kind):
    """An image with its noise and its mask in files of their own, packed by fpack."""
    cards = header(BUNIT=None, MAGZERO=25.0)
    (root / "image-a.fits.fz").write_bytes(packed(pixels(), cards))
    (root / "noise-a.fits.fz").write_bytes(packed(noise_of(kind), None, "GZIP_2", 0.0))
    (root / "mask-a.fits.fz").write_bytes(packed(mask_of(dtype=np.int16)))
    return {"path": "image-{tile}.fits.fz", "noise_path": "noise-{tile}.fits.fz", "mask_path": "mask-{tile}.fits.fz"}


def together(root, kind):
    """All of it in one file, as of Hyper Suprime-Cam."""
    hdus = [fits.ImageHDU(pixels(), header(BUNIT=None, MAGZERO=25.0), name="IMAGE")]
    hdus += [fits.ImageHDU(mask_of(), name="MASK"), fits.ImageHDU(noise_of(kind), name="VARIANCE")]
    (root / "a.fits").write_bytes(file_of(fits.PrimaryHDU(), *hdus))
    return {"path": "{tile}.fits", "hdu": "IMAGE", "noise_hdu": "VARIANCE", "mask_hdu": "MASK"}


def by_columns(root, kind):
    """Files that columns of the catalogue name; unsigned integers, and gzip where the catalogue says nothing of it."""
    import gzip

    (root / "a.fits").write_bytes(file_of(fits.PrimaryHDU(pixels(), header(BUNIT=None, MAGZERO=25.0))))
    (root / "a.wt.fits.gz").write_bytes(gzip.compress(file_of(fits.PrimaryHDU(noise_of(kind)))))
    (root / "a.mask.fits").write_bytes(file_of(fits.PrimaryHDU(mask_of(dtype=np.uint16))))
    return {}


@pytest.mark.parametrize(
    ("layout", "kind", "bits"), [(apart, "ivar", BITS), (together, "variance", "all"), (by_columns, "sigma", BITS)]
)
def test_ivar_and_mask_are_those_that_astropy_cuts_from_the_same_files(tmp_path, layout, kind, bits):
    keys = layout(tmp_path, kind)
    wcs, places = WCS(header()), [(3.3, 4.6), (45.2, 31.3), (98.6, 60.4), (60.2, 20.49)]
    rows = []
    for number, (x, y) in enumerate(places):
        ra, dec = (repr(float(value)) for value in wcs.all_pix2world(x, y, 0))
        rows.append({"object_id": str(number), "ra": ra, "dec": dec, "tile": "a", "file": "a.fits"})
        rows[-1] |= {"noise_file": "a.wt.fits", "mask_file": "a.mask.fits"} if layout is by_columns else {}
    made = job(write_catalog(tmp_path / "c.csv", rows), tmp_path, tmp_path / "out", noise=kind, mask_bits=bits, **keys)
    made = made.model_copy(update={"cutouts": made.cutouts.model_copy(update={"ivar": True})})
    found = done(made)
    assert found["ivar"].dtype == np.float32
    assert found["ivar"].attrs["units"] == "pixel**2 / nanomaggy**2"
    assert found["mask"].dtype == np.int32
    noise, wanted = noise_of(kind), sum(1 << bit for bit in BITS) if bits == BITS else (1 << 29) - 1
    with np.errstate(all="ignore"):
        ivar = {"ivar": noise, "variance": 1 / noise, "sigma": 1 / noise**2}[kind] / np.float32(FACTOR) ** 2
        no_noise = ~(np.isfinite(noise) & (noise > 0))
    assert no_noise.sum() == 4
    mask = (mask_of() & wanted) | np.where(no_noise, BAD_IVAR, 0)
    ivar[mask != 0] = 0
    seen = 0
    for number, name in enumerate(found.object_id.values.tolist()):
        for variable, data, beyond in (("ivar", ivar, 0.0), ("mask", mask, NO_DATA)):
            cut = Cutout2D(data, places[int(name)], SIZE, mode="partial", fill_value=beyond).data
            np.testing.assert_array_equal(found[variable].values[number, 0], cut, err_msg=variable)
        seen |= int(np.bitwise_or.reduce(found["mask"].values[number], axis=None))
    assert seen & NO_DATA
    assert seen & BAD_IVAR
    names = dict(zip(found["mask"].attrs["flag_meanings"].split(), found["mask"].attrs["flag_masks"], strict=True))
    assert names["no_data"] == NO_DATA
    assert set(names) - {"no_data", "bad_ivar"} == ({f"bit_{bit}" for bit in BITS} if bits == BITS else set())


def test_variances_on_an_asinh_scale_are_made_linear_by_their_own_header(tmp_path):
    variance = np.random.default_rng(1).uniform(1, 2, SHAPE)
    (tmp_path / "a.fits").write_bytes(asinh_scaled(np.abs(pixels()).astype(np.float64)))
    (tmp_path / "a.wt.fits").write_bytes(asinh_scaled(variance))
    row = {"object_id": "1", "ra": "150", "dec": "40", "tile": "a"}
    keys = {"path": "{tile}.fits", "noise": "variance", "noise_path": "{tile}.wt.fits"}
    found = done(with_ivar(job(write_catalog(tmp_path / "c.csv", [row]), tmp_path, tmp_path / "out", **keys)))
    np.testing.assert_allclose(found["ivar"].values[0, 0], 1e6 / variance[27:51, 38:62], rtol=1e-5)
    assert "mask" not in found


def with_ivar(made):
    return made.model_copy(update={"cutouts": made.cutouts.model_copy(update={"ivar": True})})


SMALL = pixels(1, (40, 50))
PLANES = {
    "gone-noise": ({"noise_file": "nothing.fits"}, Status.NOT_FOUND, "nothing.fits: no such file"),
    "gone-mask": ({"mask_file": "nothing.fits"}, Status.NOT_FOUND, "nothing.fits: no such file"),
    "small-noise": ({"noise_hdu": "SMALL"}, Status.UNREADABLE, "the noise has 50 x 40 pixels, and its image 100 x 80"),
    "small-mask": ({"mask_hdu": "SMALL"}, Status.UNREADABLE, "the mask has 50 x 40 pixels, and its image 100 x 80"),
    "no-hdu": ({"noise_hdu": "NOTHING"}, Status.UNREADABLE, "correct archive.noise_hdu, or the column noise_hdu"),
    "fractions": ({"mask_hdu": "NOISE"}, Status.UNREADABLE, "the mask has pixels that are no whole numbers"),
    "high-bits": ({"mask_hdu": "HIGH"}, Status.UNREADABLE, "the mask has bits above 28: name those that are bad"),
    "short": ({"noise_file": "short.fits"}, Status.UNREADABLE, "short.fits: cut short"),
    "page": ({"mask_file": "page.fits"}, Status.UNREADABLE, "page.fits: expected FITS, got an HTML page"),
    "nameless": ({"noise_hdu": ""}, Status.INVALID, "noise_file or noise_hdu is missing: the image's noise cannot be"),
    "outside": ({"mask_file": "../mask.fits"}, Status.INVALID, "the path must be one below archive.root"),
}


def test_each_object_whose_noise_or_mask_cannot_be_had_says_why(tmp_path):
    hdus = {"SCI": pixels(), "NOISE": np.abs(pixels(2)), "MASK": mask_of(), "SMALL": SMALL}
    hdus["HIGH"] = np.full(SHAPE, -1, np.int32)
    whole = file_of(fits.PrimaryHDU(), *(fits.ImageHDU(data, header(), name=name) for name, data in hdus.items()))
    (tmp_path / "a.fits").write_bytes(whole)
    (tmp_path / "short.fits").write_bytes(whole[:-5760])
    (tmp_path / "page.fits").write_bytes(b"<html>not here</html>")
    good = {"file": "a.fits", "hdu": "SCI", "noise_file": "", "noise_hdu": "NOISE", "mask_file": "", "mask_hdu": "MASK"}
    rows = [{"object_id": "whole", "ra": "150", "dec": "40", **good}]
    rows += [{**rows[0], "object_id": name, **changed} for name, (changed, _, _) in PLANES.items()]
    catalog = write_catalog(tmp_path / "c.csv", rows)
    made = with_ivar(job(catalog, tmp_path, tmp_path / "out", noise="sigma", mask_bits="all"))
    found = done(made)
    status = dict(zip(*(found[name].values.tolist() for name in ("object_id", "status")), strict=True))
    collect_problems(made.output)
    said = {row["object_id"]: row["message"] for row in read_problems(made.output).to_pylist()}
    assert status.pop("whole") == Status.OK
    for name, (_, wanted, reason) in PLANES.items():
        assert status[name] == wanted, name
        assert reason in said[name]
    assert dict(zip(found.object_id.values.tolist(), found.source_noise_hdu.values.tolist(), strict=True))["whole"]


def test_integers_that_stand_for_nothing_are_masked(tmp_path):
    stored = mask_of(dtype=np.int16)
    stored[40, 50] = 9999
    (tmp_path / "a.fits").write_bytes(
        file_of(
            fits.PrimaryHDU(), fits.ImageHDU(pixels(), header(), name="SCI"), fits.ImageHDU(stored.copy(), name="MASK")
        ).replace(b"EXTNAME = 'MASK    '", b"BLANK   =       9999 "[:20])
    )
    row = {"object_id": "1", "ra": "150", "dec": "40", "file": "a.fits"}
    keys = {"mask_hdu": "2", "mask_bits": (0,)}
    found = done(job(write_catalog(tmp_path / "c.csv", [row]), tmp_path, tmp_path / "out", hdu="SCI", **keys))
    wanted = np.where(stored == 9999, np.int32(NO_DATA), stored & 1)[27:51, 38:62]
    np.testing.assert_array_equal(found["mask"].values[0, 0], wanted)
    assert "ivar" not in found


def test_features_are_measured_on_the_pixels_that_are_not_masked_and_with_the_noise(tmp_path):
    keys = together(tmp_path, "variance")
    row = {"object_id": "1", "ra": "150", "dec": "40", "tile": "a"}
    catalog = write_catalog(tmp_path / "c.csv", [row])
    for ivar in (True, False):
        more = {"noise": "variance", "noise_hdu": "VARIANCE"} if ivar else {}
        given = {**keys, "mask_bits": BITS, **more}
        given = given if ivar else {name: value for name, value in given.items() if name != "noise_hdu"}
        made = job(catalog, tmp_path, tmp_path / f"out{ivar}", ("cutouts", "features"), size=60, **given)
        cutouts = done(with_ivar(made) if ivar else made)
        assert (cutouts["mask"].values != 0).any()
        flux = np.where(cutouts["mask"].values == 0, cutouts["flux"].values, np.float32(np.nan))
        stars = PointSources(*(cutouts[name].values for name in POINT_SOURCES))
        weights = cutouts["ivar"].values if ivar else None
        where = (cutouts[name].values for name in ("x_object", "y_object"))
        ours = image_features(flux, *where, ImageFeaturesSection(), "r", weights, stars)
        stored = sb.open_product(made.output, "features").load()
        np.testing.assert_array_equal(stored["value"].values, ours)
        lazy = sb.features(cutouts).compute()
        np.testing.assert_array_equal(lazy["value"].values, ours)


def test_a_resampled_pixel_has_the_bits_of_all_pixels_that_its_kernel_touches():
    rng = np.random.default_rng(3)
    mask = np.where(rng.random((4, 16 + MARGIN, 16 + MARGIN)) < 0.01, 1 << rng.integers(0, 28), 0).astype(np.int32)
    span = subpixel_span(rng.uniform(40, 50, 4), 16)
    made = resample_mask(mask, span, span)
    for y, x in np.ndindex(16, 16):
        touched = np.bitwise_or.reduce(mask[:, y : y + 10, x : x + 10].reshape(4, -1), axis=1)
        np.testing.assert_array_equal(made[:, y, x], touched)


def test_a_band_that_is_missing_is_masked(tmp_path):
    cards = header()
    (tmp_path / "a-r.fits").write_bytes(
        file_of(fits.PrimaryHDU(pixels(), cards), fits.ImageHDU(mask_of(), cards, name="MASK"))
    )
    row = {"object_id": "1", "ra": "150", "dec": "40", "tile": "a"}
    keys = {"path": "{tile}-{band}.fits", "mask_hdu": "MASK", "mask_bits": (1,)}
    found = done(job(write_catalog(tmp_path / "c.csv", [row]), tmp_path, tmp_path / "out", bands="gr", **keys))
    assert found.status.values.tolist() == [Status.PARTIAL]
    assert (found["mask"].values[0, 0] == NO_DATA).all()
    np.testing.assert_array_equal(found["mask"].values[0, 1], mask_of()[27:51, 38:62] & 2)


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ("archive", 'noise_path = "a.fits"', "counts only with noise, which says what the pixels of the noise are"),
        (
            "archive",
            'mask_hdu = "MASK"',
            'counts only with mask_bits, which says which bits of the mask are bad, or "all"',
        ),
        ("archive", "mask_bits = []", 'must name bits, or be "all"'),
        ("archive", "mask_bits = [29]", "mask_bits"),
        ("archive", 'noise = "weight"', "'ivar', 'variance' or 'sigma'"),
        ("archive", 'noise = "ivar"', "counts only with cutouts.ivar = true"),
        ("archive", 'noise_path = "{a"', "noise_path"),
    ],
)
def test_what_counts_for_nothing_is_refused_with_its_line(tmp_path, table, line, said):
    text = FITS_IMAGES.example().replace("{name}", "mine").replace(f"[{table}]\n", f"[{table}]\n{line}\n")
    (tmp_path / "mine.toml").write_text(text)
    number = text.splitlines().index(line) + 1
    with pytest.raises(ConfigurationError, match=rf"line {number}\b") as refused:
        load_job(tmp_path / "mine.toml")
    assert said in str(refused.value)
    assert line.split(" ")[0] in str(refused.value)


def test_columns_of_the_noise_are_asked_for_only_if_there_are_no_templates(tmp_path):
    catalog = write_catalog(tmp_path / "c.csv", [{"object_id": "1", "ra": "150", "dec": "40", "file": "a.fits"}])

    def plan(**keys):
        return make_plan(job(catalog, tmp_path, tmp_path / "out", **keys))

    with pytest.raises(ConfigurationError, match=r"no column found for 'noise_file'.*(.|\n)*noise_path and noise_hdu"):
        plan(noise="sigma")
    with pytest.raises(ConfigurationError, match="no column found for 'brick'"):
        plan(noise="sigma", noise_path="{brick}.fits")
    assert plan(noise="sigma", noise_hdu="NOISE").fields.column_names == ["file", "hdu", "noise_file", "noise_hdu"]
    plain = plan()
    assert plain.fields.column_names == ["file", "hdu"]
    assert not {"noise_file", "mask_file"} & set(plain.objects.column_names)


def test_noise_beyond_single_precision_is_refused_and_not_lost():
    frame = read_image(file_of(fits.PrimaryHDU(pixels(), header())), "", "nanomaggy", None)
    faint = file_of(fits.PrimaryHDU(np.full(SHAPE, 1e-40)))
    with pytest.raises(UnreadableError, match="beyond what an inverse variance in single precision can hold"):
        with_noise(frame, faint, "", "variance")


@pytest.mark.parametrize(
    ("kind", "unit", "theirs", "factor"),
    [
        ("sigma", "uJy", "Jy", 1e6),
        ("variance", "uJy", "Jy2", 1e12),
        ("ivar", "uJy/pixel", "Jy-2", 1e-12),
        ("sigma", "nanomaggy", "uJy", 1 / 3.631),
        ("sigma", "mJy / beam", "uJy / beam", 1e-3),
        ("sigma", "uJy", "uJy", 1),
        ("variance", "uJy", "Jy", 1),  # makes no sense for a variance
        ("variance", "uJy", "uJy", 1),
        ("ivar", "nanomaggy", "nanomaggy", 1),
        ("sigma", "uJy", "counts", 1),
        ("sigma", "uJy", "adu", 1),
        ("sigma", "uJy", "mag", 1),
        ("sigma", "uJy", "mag(AB)", 1),
        ("variance", "uJy", "?!", 1),
        ("sigma", "uJy", None, 1),
    ],
)
def test_noise_in_a_multiple_of_the_image_s_unit_is_converted_and_sloppy_units_are_ignored(kind, unit, theirs, factor):
    job_s = "nanomaggy" if "beam" not in unit else unit
    frame = read_image(file_of(fits.PrimaryHDU(pixels(), header(BUNIT=unit))), "", job_s, None)
    noise = file_of(fits.PrimaryHDU(np.full(SHAPE, 2.0), header(BUNIT=theirs)))
    ivar = {"sigma": (2 * factor) ** -2, "variance": 1 / (2 * factor), "ivar": 2 * factor}[kind]
    found = with_noise(frame, noise, "", kind).ivar
    np.testing.assert_allclose(found, ivar / frame.calibration[0] ** 2, rtol=1e-5)


def test_noise_is_compared_with_the_job_s_unit_where_the_image_says_none():
    frame = read_image(file_of(fits.PrimaryHDU(pixels(), header(BUNIT=None))), "", "uJy", None)
    noise = file_of(fits.PrimaryHDU(np.full(SHAPE, 2e-6), header(BUNIT="Jy")))
    np.testing.assert_allclose(with_noise(frame, noise, "", "sigma").ivar, 0.25, rtol=1e-5)
