"""Which stages run together, and which are refused."""

from types import SimpleNamespace

import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.preflight.phases import make_groups


def stage(name, phase="prepare", upstream=None, stored=True, axis="object", requires_fit=False):
    return SimpleNamespace(
        name=name,
        phase=phase,
        upstream=upstream,
        stored=stored,
        axis=axis,
        requires_fit=requires_fit,
        check=lambda: None,
    )


def names(groups):
    return [[stage.name for stage in group.stages] for group in groups]


def test_phases_follow_one_another_and_axes_are_apart():
    frames, cutouts = stage("frames", "ingest", axis="frame"), stage("cutouts")
    spectra, predictions = stage("spectra", "ingest"), stage("predictions", "predict", "spectra")
    assert names(make_groups([frames, cutouts])) == [["frames"], ["cutouts"]]
    assert names(make_groups([spectra, stage("features", upstream="spectra"), predictions])) == [
        ["spectra"],
        ["features"],
        ["predictions"],
    ]


def test_what_is_not_kept_runs_with_each_phase_that_is_made_of_it():
    cutouts, composites = stage("cutouts", stored=False), stage("composites", upstream="cutouts", stored=False)
    features = stage("features", upstream="cutouts")
    predictions = stage("predictions", "predict", "composites")
    groups = make_groups([cutouts, composites, features, predictions])
    assert names(groups) == [["cutouts", "features"], ["cutouts", "composites", "predictions"]]
    assert groups[1].needed_by("cutouts") == ("predictions",)
    assert [stage.name for stage in groups[0].stored] == ["features"]


def test_a_download_waits_for_the_phase_of_its_only_user():
    spectra, features = stage("spectra", "ingest", stored=False), stage("features", upstream="spectra")
    assert names(make_groups([spectra, features])) == [["spectra", "features"]]


def test_what_would_be_downloaded_twice_is_refused():
    spectra, features = stage("spectra", "ingest", stored=False), stage("features", upstream="spectra")
    with pytest.raises(ConfigurationError, match="downloaded 2 times"):
        make_groups([spectra, features, stage("predictions", "predict", "spectra")])


def test_what_is_neither_kept_nor_used_is_refused():
    with pytest.raises(ConfigurationError, match=r"composites\.keep is false, and no stored product"):
        make_groups([stage("cutouts"), stage("composites", upstream="cutouts", stored=False)])


def test_a_stage_that_learns_from_a_whole_product_needs_it_stored():
    with pytest.raises(ConfigurationError, match=r"set spectra\.keep = true"):
        make_groups(
            [stage("spectra", "ingest", stored=False), stage("features", upstream="spectra", requires_fit=True)]
        )
