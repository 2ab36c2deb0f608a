"""Targets: classes in their shares, and numbers, dates and places as in LAMOST."""

import re

import numpy as np
import pytest
from astropy.time import Time

from survey_batch.spectra.synthetic import targets
from survey_batch.spectra.synthetic.targets import (
    CLASS_SHARES,
    HIGHEST_SNR,
    LAST_SUBTYPE,
    LOWEST_SNR,
    TARGETS_PER_PLAN,
    draw_target,
    spectrum_of,
)

COUNT = 1200
WAVELENGTH = 10 ** (3.5682 + 1e-3 * np.arange(390))


@pytest.fixture(scope="module")
def drawn():
    return [draw_target(number, 1)[0] for number in range(COUNT)]


def test_a_target_depends_on_its_number_and_the_seed_alone(drawn):
    assert draw_target(17, 1)[0] == drawn[17]
    assert draw_target(17, 2)[0] != drawn[17]


def test_classes_have_their_shares(drawn):
    assert sum(CLASS_SHARES.values()) == pytest.approx(1)
    for kind, share in CLASS_SHARES.items():
        count = sum(target.kind == kind for target in drawn)
        assert abs(count - COUNT * share) < 4 * np.sqrt(COUNT * share * (1 - share)), kind


def test_each_kind_has_its_class_subclass_and_redshift(drawn):
    for target in drawn:
        if target.kind in LAST_SUBTYPE:
            assert target.class_ == "STAR"
            assert re.fullmatch(r"A\dV|[FGKM]\d", target.subclass)
            assert int(target.subclass[1]) <= LAST_SUBTYPE[target.kind]
            assert abs(target.redshift) < 6 * targets.STAR_VELOCITY / 299_792
        else:
            assert (target.class_, target.subclass) == (target.kind, "Non")
        if target.kind == "Unknown":
            assert target.redshift == -9999
            assert 1 <= target.snr <= 2.5
        else:
            assert LOWEST_SNR <= target.snr <= HIGHEST_SNR


def test_no_two_targets_share_a_fibre_or_a_number(drawn):
    assert len({target.obsid for target in drawn}) == COUNT
    assert len({(target.planid, target.spid, target.fiberid) for target in drawn}) == COUNT
    assert {target.spid for target in drawn} == set(range(1, 17))
    assert max(target.fiberid for target in drawn) <= 250
    assert drawn[0].obsid == 1001 * 100_000 + 1 * 1000 + 1


def test_days_follow_the_date_of_observation(drawn):
    for target in drawn[::TARGETS_PER_PLAN]:
        assert int(Time(target.obsdate).mjd) == target.lmjd - 1  # the local day is one more
    assert {target.planid for target in drawn} == {f"SIM{plan:04d}" for plan in range(COUNT // TARGETS_PER_PLAN)}


def test_places_are_on_the_sky_near_the_middle_of_their_plan(drawn):
    for plan in range(COUNT // TARGETS_PER_PLAN):
        here = drawn[plan * TARGETS_PER_PLAN : (plan + 1) * TARGETS_PER_PLAN]
        assert all(0 <= target.ra < 360 and abs(target.dec - 30) <= 1.5 for target in here)
        assert max(abs((target.ra - 20 - 3 * plan + 180) % 360 - 180) for target in here) <= 1.5


def test_redshifts_lie_in_their_ranges():
    rng = np.random.default_rng(1)
    stars = [targets.star_redshift(rng) for _ in range(4000)]
    galaxies = [targets.galaxy_redshift(rng) for _ in range(1000)]
    quasars = [targets.quasar_redshift(rng) for _ in range(1000)]
    assert np.std(stars) * 299_792.458 == pytest.approx(targets.STAR_VELOCITY, rel=0.05)
    assert 0.003 <= min(galaxies) < np.median(galaxies) < 0.2 < max(galaxies) <= 0.6
    assert 0.03 <= min(quasars) < 1 < np.median(quasars) < max(quasars) <= 4


def test_every_kind_has_a_spectrum(drawn):
    for kind in CLASS_SHARES:
        target = next(target for target in drawn if target.kind == kind)
        flux = spectrum_of(target, WAVELENGTH, draw_target(target.number, 1)[1])
        assert flux.shape == WAVELENGTH.shape
        assert np.isfinite(flux).all()
        assert flux.max() > 0
