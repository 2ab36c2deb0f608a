"""Measuring cutouts as a stage, and real objects against the catalogue's own photometry."""

import csv

import numpy as np
import pytest

from survey_batch.config.job import Job
from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.images.aperture_correction import TOTAL_RADIUS
from survey_batch.images.features import POINT_SOURCES, PointSources, image_features
from survey_batch.images.photometry import circle_overlap
from survey_batch.planning.plan import make_plan
from survey_batch.planning.stored import to_numpy
from survey_batch.preflight.provenance import check_product
from survey_batch.stages import make_stage
from survey_batch.store.products import create_product
from tests.compare import equal_bits
from tests.images.simulated import simulated_cutouts


def job(catalog="unused", root="unused", **tables):
    return Job.model_validate(
        {
            "name": "t",
            "output": "unused",
            "stages": ["cutouts", "features"],
            "catalog": {"path": str(catalog)},
            "archive": {"survey": "sdss", "root": str(root)},
            "frames": {"bands": "r", "keep": False},
            **tables,
        }
    )


def names(stage):
    return [feature.name for feature in stage.features()]


def test_a_block_holds_what_the_kernel_measures():
    flux, x, y, _ = simulated_cutouts(19)
    stage = make_stage(job(), "features")
    known = PointSources(np.full(x.shape, 1.07, "f4"), np.full(x.shape, 3.3, "f4"))
    inputs = {"flux": flux, "x_object": x, "y_object": y, **dict(zip(POINT_SOURCES, known, strict=True))}
    block = stage.compute({"ra": np.zeros(len(flux))}, inputs)
    expected = image_features(flux, x, y, stage.section, "r", stars=known)
    assert equal_bits(block.data["value"], expected)
    assert (block.status == 1).all()
    schema = stage.schema(len(flux))
    assert expected.shape == (len(flux), schema.sizes["feature"])
    for name in ("feature", "unit"):
        assert schema.coordinates[name][1].shape == (schema.sizes["feature"],)


def test_inverse_variances_are_used_where_the_cutouts_have_them():
    flux, x, y, _ = simulated_cutouts(19)
    stage = make_stage(job(cutouts={"ivar": True}), "features")
    assert stage.input_variables == ("flux", "x_object", "y_object", *POINT_SOURCES, "ivar")
    inputs = {"flux": flux, "x_object": x, "y_object": y, "ivar": np.full_like(flux, 0.01)}
    inputs |= {name: np.ones(x.shape, "f4") for name in POINT_SOURCES}
    error = names(stage).index("flux_3_r_error")
    value = stage.compute({"ra": np.zeros(len(flux))}, inputs).data["value"]
    share = circle_overlap((x - np.rint(x))[:, 0], (y - np.rint(y))[:, 0], 3.0, 5)
    # The ring's background adds its own uncertainty, measured in the pixels.
    np.testing.assert_allclose(value[:, error], 10 * np.sqrt((share**2).sum(axis=(1, 2))), rtol=1e-3)


def test_settings_hold_the_recipe_and_not_whether_it_is_kept():
    one, other = (make_stage(job(image_features={"keep": keep}), "features").settings() for keep in (True, False))
    assert one == other
    assert one["image_features.apertures"] == [3.0, 5.0, 7.5]
    assert one["cutouts.size"] == 64
    assert one != make_stage(job(cutouts={"ivar": True}), "features").settings()


def test_features_with_psf_fluxes_of_another_meaning_are_refused_by_name(tmp_path):
    stage = make_stage(job(), "features")
    before = {key: value for key, value in stage.settings().items() if key != "psf_flux"}
    create_product(str(tmp_path), stage.schema(1), {"provenance": before})
    with pytest.raises(PlanMismatchError, match=r"psf_flux: was not set, now 'corrected to 7\.4 arcsec"):
        check_product(str(tmp_path), "features", stage.settings())


def test_cutouts_without_aperture_corrections_are_refused_before_any_work():
    with pytest.raises(ConfigurationError, match=r"cutouts\.aperture_correction is false: remove the key"):
        make_stage(job(cutouts={"aperture_correction": False}), "features").check()


def test_cutouts_that_are_too_small_are_refused_before_any_work():
    make_stage(job(), "features").check()
    with pytest.raises(ConfigurationError, match=r"cutouts\.size"):
        make_stage(job(cutouts={"size": 48}), "features").check()


@pytest.fixture(scope="module")
def real(real_data, tmp_path_factory):
    """The catalogue and the features of all real objects of two fields, in r."""
    root, some = real_data / "sdss", tmp_path_factory.mktemp("real") / "some.csv"
    lines = (root / "sources.csv").read_text().splitlines()
    some.write_text("\n".join([lines[0], *(one for one in lines if one.startswith(("001006-", "002820-")))]) + "\n")
    bound = job(some, root)
    table = make_plan(bound).objects
    rows = {name: to_numpy(table[name]) for name in table.column_names}
    cutouts = make_stage(bound, "cutouts").compute(rows, {}).data
    stage = make_stage(bound, "features")
    features = dict(zip(names(stage), stage.compute(rows, cutouts).data["value"].T, strict=True))
    with (root / "sources.csv").open() as stream:
        listed = {row["object_id"]: row for row in csv.DictReader(stream)}
    catalog = {
        name: np.array([float(listed[i][name]) for i in rows["object_id"]])
        for name in ("mag_r", "half_light_radius_pix", "ellipticity", "x_r", "y_r")
    }
    return catalog, features, cutouts


def test_objects_lie_in_their_cutouts_where_the_catalogue_has_them(real):
    catalog, _, cutouts = real
    # The frame's reference pixel, moved into the cutout, says where the cutout begins; fields have crpix (1025, 745).
    origin_x, origin_y = 1024 - (cutouts["crpix"][:, 0, 0] - 1), 744 - (cutouts["crpix"][:, 0, 1] - 1)
    known = np.isfinite(cutouts["x_object"][:, 0])
    np.testing.assert_allclose((origin_x + cutouts["x_object"][:, 0])[known], catalog["x_r"][known], atol=0.01)
    row = (origin_y + cutouts["y_object"][:, 0] - catalog["y_r"])[known]
    assert np.abs(row - 1361 * np.rint(row / 1361)).max() < 0.01  # a neighbouring field begins 1361 rows on


def test_aperture_magnitudes_of_isolated_objects_are_those_of_the_catalogue(real):
    catalog, features, _ = real
    flux, error = features["flux_7.5_r"], features["flux_7.5_r_error"]
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = 22.5 - 2.5 * np.log10(flux) - catalog["mag_r"]
    lone = (features["neighbours"] == 0) & np.isfinite(difference)
    bright = lone & (catalog["mag_r"] < 17)
    assert bright.sum() > 30
    # Wings of bright stars reach into the ring: our background is higher, and our flux lower, by 0.2 percent.
    assert 0 < np.median(difference[bright]) < 0.004
    assert np.median(np.abs(difference[bright])) < 0.004
    faint = lone & (catalog["mag_r"] > 18) & (catalog["mag_r"] < 21)
    allowed = 2.5 / np.log(10) * error[faint] / flux[faint]
    assert np.median(np.abs(difference[faint])) < 0.6745 * 1.2 * np.median(allowed)


def test_sizes_follow_those_of_the_catalogue(real):
    catalog, features, _ = real
    sizes = np.isfinite(features["half_light_radius_r"] + features["ellipticity_r"])
    bright = (catalog["mag_r"] < 19) & sizes & (features["neighbours"] == 0)
    ratio = features["half_light_radius_r"][bright] / catalog["half_light_radius_pix"][bright]
    assert np.median(ratio) == pytest.approx(1, abs=0.05)
    assert np.corrcoef(features["ellipticity_r"][bright], catalog["ellipticity"][bright])[0, 1] > 0.7


@pytest.fixture(scope="module")
def five_bands(real_data, tmp_path_factory):
    """Features of a field of sharp images in all bands, and the same cutouts in apertures that hold all light."""
    root, some = real_data / "sdss", tmp_path_factory.mktemp("bands") / "some.csv"
    lines = (root / "sources.csv").read_text().splitlines()
    some.write_text("\n".join([lines[0], *(one for one in lines if one.startswith("002820-"))]) + "\n")
    wide = {"background": (30, 45), "apertures": (7.5, TOTAL_RADIUS)}
    bound = job(some, root, frames={"bands": "ugriz", "keep": False}, cutouts={"size": 92})
    table = make_plan(bound).objects
    rows = {name: to_numpy(table[name]) for name in table.column_names}
    cutouts = make_stage(bound, "cutouts").compute(rows, {}).data
    stages = [
        make_stage(bound.model_copy(update={"image_features": section}), "features")
        for section in (ImageFeaturesSection(), ImageFeaturesSection(**wide))
    ]
    values = [stage.compute(rows, cutouts).data["value"].astype(float).T for stage in stages]
    normal, large = (dict(zip(names(stage), one, strict=True)) for stage, one in zip(stages, values, strict=True))
    return normal, large, cutouts


@pytest.mark.slow
@pytest.mark.parametrize("band", "ugriz")
def test_psf_fluxes_of_real_stars_are_those_within_7_4_arcsec(five_bands, band):
    normal, large, cutouts = five_bands
    b = "ugriz".index(band)
    small, whole = (large[f"flux_{radius:g}_{band}"] for radius in (7.5, TOTAL_RADIUS))
    star = np.abs(normal[f"fwhm_{band}"] / cutouts["psf_fwhm"][:, b] - 1) < 0.1
    star &= ~(normal["brightest_ratio"] > 0.05) & (normal[f"flux_7.5_{band}"] > 30 * normal[f"flux_7.5_{band}_error"])
    bright = star & (small > 50 * large[f"flux_{TOTAL_RADIUS:g}_{band}_error"])
    growth = np.median((whole / small)[bright & np.isfinite(whole)])
    ratio = (normal[f"psf_flux_{band}"] / normal[f"flux_7.5_{band}"])[star] / growth
    assert star.sum() >= 12
    assert 1.02 < growth < 1.05
    assert np.nanmedian(ratio) == pytest.approx(1, abs=0.015 if band == "u" else 0.01)
    correction = cutouts["aperture_correction"][:, b]
    assert np.nanmedian(ratio / correction[star]) < 0.96, "what the filter alone finds"
    assert (cutouts["aperture_correction_stars"][star, b] >= 12).all()
