"""Both sides of each row make the same, or what their notes say, on a few simulated objects."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import (
    cutouts,
    feature_steps,
    frames,
    line_indices,
    peers,
    pictures,
    predictions,
    runs,
    spectra,
    spectral_features,
)
from benchmarks.data import Data
from benchmarks.rows import measure
from survey_batch.config.jobfile import load_job
from survey_batch.core.status import Status
from survey_batch.planning.plan import make_plan
from survey_batch.preflight.phases import make_groups
from survey_batch.simulate import simulate_lamost, simulate_sdss
from survey_batch.stages import make_stages
from survey_batch.store.products import read_status

FEW = 24


@pytest.fixture(scope="module")
def lamost(tmp_path_factory):
    catalog = simulate_lamost(tmp_path_factory.mktemp("lamost"), objects=FEW, seed=1)
    return Data("few", catalog.parent, catalog.parent, catalog, catalog)


@pytest.fixture(scope="module")
def sdss(tmp_path_factory):
    catalog = simulate_sdss(tmp_path_factory.mktemp("sdss"), fields=1, objects=FEW, seed=1, bands="gri")
    return Data("few", catalog.parent, catalog.parent, catalog, catalog, bands="gri")


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(spectra, "COPIES", 1)
    monkeypatch.setattr(spectral_features, "SHARD", 40)
    monkeypatch.setattr(spectral_features, "PART", 32)


def said(row):
    result = measure(replace(row, warm=False), 1)
    assert all(seconds > 0 for name in result.taken for seconds in result.rounds(name))
    return "; ".join(result.notes)


def test_every_file_becomes_a_spectrum(lamost, tmp_path):
    row = spectra.row(lamost, tmp_path)
    assert row.count == FEW
    assert "on disk" in said(row)
    assert (read_status(str(tmp_path / "spectra" / "product"), "spectra") == Status.OK).all()


def test_features_and_inputs_read_the_pixels_that_their_floor_reads(lamost, tmp_path):
    for make in (spectral_features.row, spectral_features.preparing_row):
        row = make(lamost, tmp_path)
        assert (row.count, len(row.ours.ready()), len(row.floor.ready())) == (40, 2, 2)
        assert said(row) == ""


def test_the_fit_is_told_as_a_share_of_a_run(lamost, tmp_path):
    assert "the fit takes" in said(spectral_features.fit_row(lamost, tmp_path))


@pytest.mark.slow
def test_frames_have_the_pixels_of_their_files(sdss, tmp_path):
    assert "the first frame's pixels are those of its file" in said(frames.row(sdss, tmp_path))


@pytest.mark.slow
def test_cutouts_from_files_and_from_stored_frames_are_those_of_the_floor_and_of_astropy(sdss, tmp_path, monkeypatch):
    assert "whole windows equal" in said(cutouts.row(sdss, tmp_path / "packed"))
    monkeypatch.setattr(peers, "find_spec", lambda package: package == "astropy" or None)
    row = cutouts.stored_row(sdss, tmp_path / "stored")
    assert [peer.missing for peer in row.peers] == ["", "not installed", "not installed"]
    words = said(row).split(" whole windows equal")[0].split()
    assert words[0] == words[2] != "0"


@pytest.mark.slow
def test_composites_equal_those_of_pillow_and_pictures_are_measured(sdss, tmp_path):
    assert "equal to the floor's to the bit" in said(pictures.composites_row(sdss, tmp_path))
    assert said(pictures.features_row(sdss, tmp_path)) == ""


@pytest.mark.slow
def test_the_phase_predicts_what_the_network_does(lamost, tmp_path, monkeypatch):
    pytest.importorskip("tensorflow")
    few = replace(predictions.NETWORKS["convolution"], objects=16, batch=8)
    monkeypatch.setitem(predictions.NETWORKS, "convolution", few)
    assert "largest difference" in said(predictions.row(lamost, tmp_path))


def test_a_start_is_a_run_of_a_job_that_is_whole(lamost, tmp_path):
    row = runs.start_row(lamost, tmp_path)
    (start,) = row.ours.ready()
    assert start.args[1:4] == ("-m", "survey_batch", "run")
    job = load_job(start.args[4])
    assert len(make_plan(job).objects) == runs.FEW
    make_groups(make_stages(job))  # it can work


def test_windows_that_are_not_slices_are_an_error(tmp_path, monkeypatch):
    ten = np.zeros(10, np.int64)
    windows = cutouts.Windows(tmp_path / "file", 0, (0, 0), np.arange(10), ten, ten, np.ones(10, bool))
    monkeypatch.setattr(cutouts, "open_group", lambda *_: None)
    monkeypatch.setattr(cutouts, "stored", lambda *_: np.zeros((10, 1, 2, 2), np.float32))
    job = type("Job", (), {"output": str(tmp_path)})
    with pytest.raises(RuntimeError, match="only 0 of 10 cutouts are slices of their frames"):
        cutouts.same_windows(job, [windows], [np.ones((10, 2, 2), np.float32)])


def test_every_step_of_features_and_of_inputs_is_done(lamost):
    stars = line_indices.shard_of(line_indices.read_stars(lamost), feature_steps.PORTION)
    for steps in (feature_steps.feature_steps(stars), feature_steps.input_steps(stars)):
        for step in steps.values():
            step()
