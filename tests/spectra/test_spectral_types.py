"""Features of real stars against what defines their types in Morgan and Keenan's scheme."""

from itertools import pairwise

import numpy as np
import pytest
from astropy.io import fits

from benchmarks.data import find_data
from benchmarks.line_indices import measure, read_stars
from survey_batch.config.job import SpectralFeaturesSection
from survey_batch.spectra.features import feature_names, spectral_features


def medians(named, letters, name, types):
    return [float(np.nanmedian(named[name][letters == letter])) for letter in types]


@pytest.fixture(scope="module")
def lamost(real_data, tmp_path_factory):
    stars = read_stars(find_data(tmp_path_factory.mktemp("unused")))
    return measure(stars), stars.letter


@pytest.fixture(scope="module")
def templates(real_data):
    with fits.open(real_data / "templates" / "pyhammer_stellar_templates.fits") as hdus:
        table, wavelength = hdus["TEMPLATES"].data, hdus["WAVELENGTH"].data["wavelength"].astype(float)
        flux, types = table["flux"].astype("f4"), np.array([name[0] for name in table["spectral_type"]])
    section = SpectralFeaturesSection(blocks=0, components=0)
    ivar, mask = np.full_like(flux, 1e4), np.zeros(flux.shape, "i4")
    values = spectral_features(wavelength, flux, ivar, mask, np.zeros(len(flux)), section, None)
    return dict(zip(feature_names(section), values.T, strict=True)), types


# Of stars, growing to the right.
ORDERS = [
    *((line, "KGFA") for line in ("h_alpha", "h_beta", "h_gamma", "lick_h_beta", "lick_h_gamma_a", "lick_h_delta_a")),
    ("ca_k", "AFG"),
    ("ca_hk", "AFGK"),
    ("ca_i_4227", "AFGK"),
    ("lick_g4300", "AFG"),
    ("lick_mg_b", "AFGK"),
    ("lick_na_d", "FGKM"),
    ("lick_tio_2", "GKM"),
    ("b_tio", "GKM"),
    ("dn4000", "AFGK"),
    ("synthetic_g_r", "AFGK"),
    ("synthetic_r_i", "AFGKM"),
    ("tio5", "MKG"),
    ("cah2", "MKGFA"),
]


@pytest.mark.parametrize(("name", "types"), ORDERS)
@pytest.mark.parametrize("sample", ["lamost", "templates"])
def test_features_of_stars_grow_from_type_to_type(request, sample, name, types):
    if (sample, name, types[-1]) == ("templates", "tio5", "G"):
        types = types[:2]  # G and K alike hold no TiO
    found = medians(*request.getfixturevalue(sample), name, types)
    assert all(before < after for before, after in pairwise(found)), dict(zip(types, found, strict=True))


@pytest.mark.parametrize("line", ["he_ii_4200", "he_ii_4542", "he_ii_4686"])
def test_ionised_helium_marks_type_o(templates, line):
    o, *others = medians(*templates, line, "OBA")
    assert o > 0.2
    assert max(np.abs(others)) < 0.1


@pytest.mark.parametrize("line", ["he_i_4026", "he_i_4471", "he_i_5876"])
def test_neutral_helium_marks_types_o_and_b(templates, line):
    *hot, a = medians(*templates, line, "OBA")
    assert min(hot) > 0.3
    assert a < 0.1


def test_balmer_lines_are_weaker_in_types_hotter_than_a(templates):
    o, b, a = medians(*templates, "lick_h_beta", "OBA")
    assert o < b < a


def test_errors_are_of_the_size_of_the_scatter_where_no_star_has_the_line(lamost):
    named, letters = lamost
    early = np.isin(letters, list("AFG"))
    for name in ("he_ii_4542", "he_ii_4686"):  # which no star of these types shows
        scatter = 1.4826 * np.nanmedian(np.abs(named[name][early] - np.nanmedian(named[name][early])))
        assert 0.5 < scatter / np.nanmedian(named[f"{name}_error"][early]) < 2
