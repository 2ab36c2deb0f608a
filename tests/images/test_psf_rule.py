import numpy as np
import pytest

from survey_batch.archive.decompress import SDSS_CEILING, decompress
from survey_batch.archive.sdss import FieldKey, frame_path, read_frame
from survey_batch.images.detect import detect
from survey_batch.images.psf_rule import fit_radius, half_sample_mode, judge, measure
from survey_batch.sections.detect import DetectSection, RuleSection
from survey_batch.stages.detections import find_sources
from tests.images.star_field import SATURATION, make_field

LIMITS = RuleSection(saturation=SATURATION)


def judged(field, limits=LIMITS):
    sources = detect(field.image, field.sigma)
    return sources, judge(field.image, field.sigma, field.counts, sources, limits)


@pytest.fixture(scope="module")
def field():
    return make_field()


@pytest.fixture(scope="module")
def verdict(field):
    return judged(field)


def test_single_stars_are_good_and_nothing_else_is(field, verdict):
    sources, said = verdict
    kind = field.kind_at(sources.x, sources.y)
    assert np.mean(said.good[kind == "star"]) > 0.95
    for other in ("galaxy", "pair", "saturated", "faint"):
        assert not said.good[kind == other].any(), other


def test_saturated_and_faint_sources_and_those_at_the_edge_are_not_fitted(field, verdict):
    sources, said = verdict
    kind = field.kind_at(sources.x, sources.y)
    assert not said.candidate[np.isin(kind, ["saturated", "faint"])].any()
    assert np.isnan(said.scatter[~said.candidate]).all()
    wide, _ = judged(field, RuleSection(saturation=SATURATION, margin=120))[1], None
    beyond = (sources.x < 120) | (sources.y < 120)
    assert beyond.any()
    assert not wide.good[beyond].any()


def test_the_psf_has_the_seeing_of_the_field(verdict):
    assert verdict[1].psf.fwhm == pytest.approx(3.2, rel=0.03)


@pytest.mark.bits
def test_a_star_is_good_whatever_the_number_of_others(field):
    """Of the same stars fewer are judged; each keeps its label."""
    sources = detect(field.image, field.sigma)
    every = judge(field.image, field.sigma, field.counts, sources, LIMITS)
    half = np.flatnonzero(np.arange(len(sources)) % 2 == 0)
    fewer = judge(field.image, field.sigma, field.counts, sources.take(half), LIMITS)
    alone = ~np.isin(field.kind_at(sources.x, sources.y)[half], ["pair"])  # a pair's other half may be left out
    np.testing.assert_array_equal(fewer.good[alone], every.good[half][alone])


@pytest.mark.bits
def test_a_source_alone_is_measured_as_among_others(field, verdict):
    sources, said = verdict
    radius = fit_radius(said.psf.fwhm)
    together = measure(field.image, field.sigma, sources, said.psf, radius)
    for row in (0, 5, len(sources) - 1):
        alone = measure(field.image, field.sigma, sources.take(slice(row, row + 1)), said.psf, radius)
        for name, values in alone.items():
            np.testing.assert_array_equal(values[0], together[name][row])


def test_an_image_with_few_stars_has_no_psf_and_nothing_good():
    sources, said = judged(make_field(stars=3, others=False))
    assert len(sources) == 3
    assert said.psf is None
    assert not said.good.any()


def test_a_lower_threshold_chooses_fewer_stars(field, verdict):
    strict = judged(field, RuleSection(saturation=SATURATION, scatter=1e-4))[1]
    assert strict.good.sum() < verdict[1].good.sum()


def test_the_mode_is_where_values_crowd():
    random = np.random.default_rng(1)
    values = np.concatenate([random.normal(2.0, 0.05, 40), random.uniform(1, 12, 60)])
    assert half_sample_mode(values) == pytest.approx(2.0, abs=0.1)


def test_on_a_real_frame_stars_of_one_size_are_good_and_saturated_ones_are_not(real_data):
    key = FieldKey(301, 1043, 5, 25)
    raw = decompress((real_data / "sdss" / frame_path(key, "r")).read_bytes(), SDSS_CEILING)
    found = find_sources(read_frame(raw, key, "r", sky=True), key, DetectSection(rule=RuleSection()))
    good = found.verdict.good
    assert 20 < good.sum() < 60
    size = found.sources.half_light_radius[good]
    assert size.std() / size.mean() < 0.05, "stars of one frame have one size"
    snr = found.sources.flux / found.sources.error
    assert snr[good].min() >= 100
    assert not good[:3].any(), "the brightest sources of this frame are saturated"
