import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey_batch.archive.decompress import LAMOST_CEILING, decompress
from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.models.helium import (
    HELIUM,
    MEASURED,
    SEEN,
    HeliumRule,
    absorbed,
    cooled,
    equivalent_widths,
    strengths,
)
from survey_batch.models.published_spectral_type import PublishedSpectralType
from survey_batch.models.recipe import Grid
from survey_batch.models.spectral_convolution import SpectralConvolution
from survey_batch.models.spectral_forest import SpectralForest
from survey_batch.models.spectral_type import recipe_for
from survey_batch.spectra.grid import log_grid, to_grid
from survey_batch.spectra.templates import read_templates
from survey_batch.surveys.lamost.files import read_spectrum
from tests.models.conftest import labelled, make_block

CLASSES = tuple("OBAF")
GRID = log_grid(3700.0, 9100.0)
RECIPE = recipe_for(Grid.of(GRID)).model_copy(update={"steps": dict(HELIUM)})


def seen_in(block):
    """Spectra that show He I, and He II."""
    values, errors = equivalent_widths(block, RECIPE)
    he_i, he_ii = values[:, :3], values[:, 3:7]
    return absorbed(he_i, errors[:, :3], HELIUM["he_i_sigma"]), absorbed(he_ii, errors[:, 3:7], HELIUM["he_ii_sigma"])


@pytest.mark.parametrize(
    ("he_i", "he_ii", "expected"),
    [
        (False, True, [0.4, 0.3, 0.2, 0.1]),
        (True, True, [0.4, 0.3, 0.2, 0.1]),
        (True, False, [0.0, 0.7, 0.2, 0.1]),
        (False, False, [0.0, 0.0, 0.9, 0.1]),
    ],
)
def test_o_needs_ionised_and_b_needs_some_helium(he_i, he_ii, expected):
    probability = np.array([[0.4, 0.3, 0.2, 0.1]], np.float32)
    np.testing.assert_allclose(cooled(probability, CLASSES, np.array([[he_i, he_ii]]))[0], expected, atol=1e-7)
    np.testing.assert_allclose(probability[0], [0.4, 0.3, 0.2, 0.1], err_msg="the model's answer is left as it was")


@given(
    st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4),
    st.booleans(),
    st.booleans(),
)
def test_the_rule_makes_no_star_hotter_and_loses_nothing(shares, he_i, he_ii):
    probability = np.array([shares], np.float32)
    settled = cooled(probability, CLASSES, np.array([[he_i, he_ii]]))
    hotter = np.cumsum(settled - probability, axis=1)
    assert np.all(hotter <= 1e-5)
    assert abs(hotter[0, -1]) <= 1e-5


def test_letters_that_a_classifier_does_not_have_are_left_alone():
    probability = np.array([[0.6, 0.4]], np.float32)
    nothing = np.zeros((1, 2), bool)
    np.testing.assert_array_equal(cooled(probability, ("A", "F"), nothing), probability)
    np.testing.assert_array_equal(cooled(probability, ("O", "A"), nothing), probability)


def test_what_could_not_be_classified_stays_so():
    assert np.isnan(cooled(np.full((1, 4), np.nan, np.float32), CLASSES, np.zeros((1, 2), bool))).all()


def test_one_line_is_not_enough_and_one_without_a_measurement_is_none():
    values = np.array([[9.0, 0.1, 0.1, 0.1], [0.5, 0.5, 0.1, np.nan], [-2.0, -2.0, 0.1, 0.1]])
    assert absorbed(values, np.full(values.shape, 0.1), 3.0).tolist() == [False, True, False]


def test_noise_shows_no_ionised_helium():
    noise = np.random.default_rng(3).normal(size=(50_000, 4))
    assert absorbed(noise, np.ones(noise.shape), HELIUM["he_ii_sigma"]).sum() <= 5, "0.5 expected"


def test_inputs_are_finite_where_nothing_can_be_measured():
    columns = strengths(np.full((2, len(MEASURED)), np.nan), np.full((2, len(MEASURED)), np.nan))
    assert columns.dtype == np.float32
    assert np.isfinite(columns).all()


@pytest.mark.parametrize("family", [SpectralForest, SpectralConvolution, PublishedSpectralType])
def test_every_variant_that_can_name_an_o_star_obeys(family):
    data = labelled({}, np.zeros(0, str), wavelength=GRID)
    assert issubclass(family, HeliumRule)
    assert HELIUM.items() <= family.recipe_of(data, None).steps.items()


def test_a_classifier_whose_recipe_has_no_such_step_has_no_rule(labels, wavelength):
    section, data = SpectralTypeTraining(classifier="-"), labelled(make_block(labels, 1), labels, wavelength=wavelength)
    untrained, _ = SpectralConvolution.prepare_fit(data, section, None, 0)
    rows = make_block(labels[:3], 1)
    assert SEEN in untrained.prepared(rows)
    others = {name: value for name, value in untrained.recipe.steps.items() if name not in HELIUM}
    recipe = untrained.recipe.model_copy(update={"steps": others})
    untrained.manifest = untrained.manifest.model_copy(update={"recipe": recipe})
    assert SEEN not in untrained.prepared(rows)


def test_empirical_o_stars_show_both_and_b_stars_no_ionised_helium(real_data):
    templates = read_templates(str(real_data / "templates" / "pyhammer_stellar_templates.fits"), GRID)
    templates = templates.take(np.isin(templates.letter, list("OBA")))
    flux = templates.flux.astype(np.float32)
    block = {"flux": flux, "ivar": np.full_like(flux, 1e4), "mask": np.zeros(flux.shape, np.int32)}
    he_i, he_ii = seen_in(block)
    assert not he_ii[templates.letter != "O"].any()
    assert he_ii[np.isin(templates.spectral_type, ["O7", "O8", "O9"])].all()
    assert he_i[templates.letter == "B"].all()
    assert not he_i[np.isin(templates.spectral_type, ["A0", "A1", "A2", "A3", "A4"])].any()


def test_real_stars_from_a_to_m_show_no_neutral_helium(real_data):
    paths = sorted((real_data / "lamost" / "spectra").glob("*.fits*"))[::6]
    spectra = [read_spectrum(decompress(path.read_bytes(), LAMOST_CEILING)) for path in paths]
    he_i, _ = seen_in(dict(zip(("flux", "ivar", "mask"), to_grid(spectra, GRID), strict=True)))
    assert len(he_i) > 40
    assert not he_i.any()
