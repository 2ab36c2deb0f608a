"""An output opened in a notebook has its products, status, problems and report by name."""

import json
import shutil
from pathlib import Path

import pytest
import zarr
from astropy.table import Table

import survey_batch as sb
from survey_batch.core.errors import ConfigurationError
from tests.notebook.test_figures import titles


def test_products_are_attributes(spectra_output):
    run = sb.open(spectra_output)
    assert run.products == ("features", "spectra")
    assert run.spectra.sizes["object"] == run["spectra"].sizes["object"] == 20
    assert run.spectra is run.spectra
    assert {"features", "spectra", "status", "catalog"} <= set(dir(run))
    with pytest.raises(AttributeError, match="has no product 'cutouts'; there are features, spectra"):
        getattr(run, "cutouts")  # noqa: B009


def test_a_relative_path_means_what_it_meant_when_the_run_was_opened(spectra_output, tmp_path, monkeypatch):
    monkeypatch.chdir(Path(spectra_output).parent)
    run = sb.open(Path(spectra_output).name)
    monkeypatch.chdir(tmp_path)
    assert run.output == spectra_output
    assert run.spectra.sizes["object"] == 20


def test_it_says_how_far_it_is(spectra_output):
    run = sb.open(spectra_output)
    assert run.status().complete
    assert repr(run).splitlines()[1:4] == [
        "test: complete",
        "  spectra   20 objects: 20 ok",
        "  features  20 objects: 20 ok",
    ]
    assert "<td>20 objects: 20 ok</td>" in run._repr_html_()
    assert run.job.name == "test"


def test_problems_are_a_table(image_output):
    problems = sb.open(image_output).problems
    partial = sb.open(image_output).cutouts.sb.select(status="partial")
    assert set(problems[problems.stage == "cutouts"].object_id) == set(partial.object_id.values)


def test_objects_are_shown_in_each_product_that_can_be_drawn_in_one_picture(image_output):
    run = sb.open(image_output)
    first, second = (str(name) for name in run.cutouts.object_id.values[:2])
    one, both = run.show(first), run.show([first, 1])
    assert len(run.products) == len(one.subfigs) + 1 == len(both.subfigs) + 1 == 3  # frames show no object
    assert type(one) is type(run.cutouts.sb.show(first)) is type(run.cutouts.sb.show([first, 1]))
    for shown, below in ((one, run.cutouts.sb.show(first)), (both, run.cutouts.sb.show([first, 1]))):
        drawn = [titles(figure) for figure in shown.subfigs]
        assert titles(below) in drawn
        assert all(len(names) == len(titles(below)) for names in drawn)
    assert [name.split()[0] for name in titles(both.subfigs[0])] == [first, second]
    assert one._repr_png_().startswith(b"\x89PNG")  # what a notebook shows


@pytest.mark.parametrize(("which", "said"), [("nothing", "has the id 'nothing'"), (108057, "as text: '108057'")])
def test_an_object_that_is_not_there_is_refused(image_output, which, said):
    with pytest.raises(ConfigurationError, match=said):
        sb.open(image_output).show(which)


def test_a_run_without_anything_to_draw_says_so(spectra_output, tmp_path):
    features = shutil.copytree(f"{spectra_output}/features.zarr", tmp_path / "features.zarr")
    with pytest.raises(ConfigurationError, match="has features, of which no picture"):
        sb.open(features.parent).show(0)


def test_the_report_is_written_and_said_where(spectra_output):
    path = sb.open(spectra_output).report()
    assert Path(path).read_text().startswith("<!doctype html>")


def test_a_folder_without_products_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="there is no product in"):
        sb.open(tmp_path)


def test_a_product_is_not_taken_for_a_run(spectra_output):
    with pytest.raises(ConfigurationError, match=r"is one product.*open_product\('[^']*', 'spectra'\)"):
        sb.open(f"{spectra_output}/spectra.zarr/")


def test_the_catalogue_is_joined_with_all_that_is_known(spectra_output):
    run = sb.open(spectra_output)
    table = run.catalog()
    assert table.sb_object_id.tolist() == run.spectra.object_id.values.tolist()
    assert table.sb_label.tolist() == run.spectra.label.values.tolist()
    assert set(table.sb_status) == {"ok"}
    features = [str(name) for name in run.features.feature.values]
    assert {f"sb_feature_{name}" for name in features} <= set(table.columns)
    assert "sb_label" not in run.catalog(with_=())


def test_the_job_is_the_last_run_s_unless_another_made_more_of_the_products(spectra_output, tmp_path):
    output = shutil.copytree(spectra_output, tmp_path / "out")
    run_file = json.loads((output / "run.json").read_text())
    for name, stages in (("all", ["spectra", "features"]), ("fewer", ["spectra"])):
        last = {**run_file, "job": {**run_file["job"], "name": name, "stages": stages}}
        (output / "run.json").write_text(json.dumps(last))
        assert sb.open(output).job.name == ("all" if name == "all" else "test")
    first = zarr.open_group(output / "features.zarr")
    first.attrs["job"] = json.dumps({**json.loads(first.attrs["job"]), "stages": ["spectra"]})
    assert "sb_feature_h_alpha" in sb.open(output).catalog().columns


def test_the_catalogue_is_exported(spectra_output, tmp_path):
    path = sb.open(spectra_output).export(str(tmp_path / "c.fits"), with_=["label"])
    assert "sb_label" in Table.read(path).colnames
