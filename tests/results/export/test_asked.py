"""What `--with` asks for, in the user's words."""

import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.results.export import export_table
from survey_batch.results.export.asked import NAMES_SHOWN, Asked, chosen, parse

PRODUCTS = ("spectra", "features")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "lable",
            r"'lable' is neither .* \(did you mean 'label'\?\); there are label, split, reason, outlier, neighbours, ",
        ),
        ("features=block_0_*", r"--with features=block_0_\*: no column .* it has h_alpha"),
        ("features=h_alpa", r"did you mean 'h_alpha'"),
        ("label=A", "'label' is none"),
        ("spectra=flux", "no column of the product 'spectra' matches; it has redshift, snr"),
    ],
)
def test_what_is_not_there_is_refused_with_what_there_is(finished, words, message):
    with pytest.raises(ConfigurationError, match=message):
        export_table(finished, [words])


@pytest.mark.parametrize(
    ("words", "columns", "patterns"),
    [
        ([], (), {}),
        (["", " , "], (), {}),
        (["reason", "split, label"], ("label", "split", "reason"), {}),
        (["outlier,reason"], ("reason", "outlier"), {}),
        (["label,label"], ("label",), {}),
        (["features"], (), {"features": ["*"]}),
        (["features="], (), {"features": ["*"]}),
        (["label,features= psf_* ,colour_*"], ("label",), {"features": ["psf_*", "colour_*"]}),
        (["features=a", "spectra=snr", "features=b"], (), {"features": ["a", "b"], "spectra": ["snr"]}),
        (["features,features=a"], (), {"features": ["*", "a"]}),
        (["spectra,features=a"], (), {"spectra": ["*"], "features": ["a"]}),
    ],
)
def test_words_are_columns_in_a_fixed_order_and_patterns_of_products(words, columns, patterns):
    assert parse(words, PRODUCTS) == Asked(columns, patterns)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "feature",
            r"--with feature: 'feature' is neither a column .* \(did you mean 'features'\?\); there are",
        ),
        ("µ", r"'µ' is neither .* has made; there are label, split, reason, outlier, neighbours, spectra, features$"),
        ("split=train", r"--with split=train: patterns choose columns of a product, and 'split' is none"),
        ("=psf_*", r"--with =psf_\*: patterns choose columns of a product, and '' is none"),
    ],
)
def test_a_word_that_means_nothing_is_refused(word, message):
    with pytest.raises(ConfigurationError, match=message):
        parse([word], PRODUCTS)


def test_names_are_chosen_once_each_in_their_own_order_and_case():
    names = ["psf_g", "flux_µ", "psf_r", "PSF_r"]
    assert chosen(["psf_r", "psf_?", "*µ"], names, "features") == ["psf_g", "flux_µ", "psf_r"]
    assert chosen(["*"], names, "features") == names


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["psf_g"], r"--with features=psf_x: no column of the product 'features' matches \(did you mean 'psf_g'\?\);"),
        ([], "it has no column with one value for each object$"),
        ([f"c{n}" for n in range(NAMES_SHOWN + 3)], f"c{NAMES_SHOWN - 1}, and 3 more$"),
    ],
)
def test_a_pattern_that_matches_nothing_is_refused_with_some_of_the_names(names, message):
    with pytest.raises(ConfigurationError, match=message):
        chosen(["*", "psf_x"] if names else ["psf_x"], names, "features")
