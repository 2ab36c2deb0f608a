"""Products are opened by job, output or job file, in chunks as they are stored."""

from pathlib import Path

import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.lazy.products import open_product, products_in
from tests.report.outputs import SHARD, make_predictions, make_spectra, spectra_job


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    job = spectra_job(tmp_path_factory.mktemp("é") / "out")
    make_spectra(job, objects=10)
    make_predictions(job, objects=10)
    return job


def test_a_job_its_output_and_its_file_give_the_same(job, tmp_path):
    path = tmp_path / "job.toml"
    path.write_text(
        f'name = "a"\noutput = "{job.output}"\nstages = ["spectra"]\n'
        '[catalog]\npath = "c.csv"\n[archive]\nsurvey = "lamost"\nroot = "r"\n',
        encoding="utf-8",
    )
    first = open_product(job, "spectra")
    for given in (job.output, path, str(path)):
        assert open_product(given, "spectra").identical(first)


def test_a_relative_path_means_what_it_meant_when_the_product_was_opened(job, tmp_path, monkeypatch):
    whole = open_product(job, "spectra").load()
    monkeypatch.chdir(Path(job.output).parent)
    late = open_product(Path(job.output).name, "spectra")
    monkeypatch.chdir(tmp_path)
    assert late.load().identical(whole)


def test_chunks_are_whole_shards_and_text_is_read_when_it_is_used(job):
    ds = open_product(job, "spectra")
    assert ds.chunksizes["object"] == (SHARD, 10 - SHARD)
    assert ds.flux.chunks[1] == (ds.sizes["wavelength"],)
    assert ds.label.chunks is None
    assert [type(text) for text in ds.label.values[:2]] == [str, str]


def test_a_product_that_is_not_there_is_refused_with_those_that_are(job, tmp_path):
    assert sorted(products_in(job.output)) == ["predictions", "spectra"]
    with pytest.raises(
        ConfigurationError, match=r"no product .*features.zarr \(there: .*spectra.*\); run the job's stage"
    ):
        open_product(job, "features")
    with pytest.raises(ConfigurationError, match=r"\(there: none at all\)"):
        open_product(tmp_path, "spectra")
