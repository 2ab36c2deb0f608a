"""UCDs of added columns."""

import pytest
from astropy.io.votable.ucd import check_ucd

from survey_batch.results.export.ucds import FEATURES, LINES, PROBABILITY_UCD, UCDS, ucd_of_feature


def test_every_ucd_is_one_of_the_ivoa_s_controlled_vocabulary():
    features = [*(ucd for _, ucd in FEATURES), *LINES.values()]
    errors = [f"stat.error;{ucd}" for ucd in features if ucd != "meta.number"]  # a number of neighbours has no error
    for ucd in (*UCDS.values(), PROBABILITY_UCD, *features, *errors):
        assert check_ucd(ucd, check_controlled_vocabulary=True, has_colon=False), ucd


@pytest.mark.parametrize(
    ("name", "unit", "ucd"),
    [
        ("flux_r", "nanomaggy", "phot.flux;em.opt"),
        ("psf_flux_r_error", "nanomaggy", "stat.error;phot.flux;em.opt"),
        ("colour_gr", "mag", "phot.color;em.opt"),
        ("background_scatter_u", "nanomaggy", "instr.skyLevel"),
        ("h_alpha", "Angstrom", "spect.line.eqWidth"),
        ("h_alpha_error", "Angstrom", "stat.error;spect.line.eqWidth"),
        ("neighbours", "1", "meta.number"),
        ("my_flux_r", "Jy", ""),
        ("_error", "", ""),
        ("", "", ""),
        ("flüx_r", "", ""),
    ],
)
def test_a_feature_has_the_ucd_of_its_whole_name_or_its_unit(name, unit, ucd):
    assert ucd_of_feature(name, unit) == ucd
