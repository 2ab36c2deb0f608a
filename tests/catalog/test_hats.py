"""The folder of a HATS catalogue that holds each object once."""

import json

import pytest
from fsspec.implementations.local import LocalFileSystem

from survey_batch.catalog.hats import object_folder
from survey_batch.core.errors import ConfigurationError


def make(folder, kind="object", data=True):
    (folder / "dataset").mkdir(parents=True) if data else folder.mkdir(parents=True)
    (folder / "hats.properties").write_text(f"#HATS\nobs_collection=c\ndataproduct_type={kind}\n")
    return folder


def found(folder):
    return object_folder(LocalFileSystem(), f"{folder}/", "url")


def test_a_folder_of_files_is_itself(tmp_path):
    (tmp_path / "a.parquet").write_text("")
    (tmp_path / "properties").write_text("color = blue\n")
    assert found(tmp_path) == (str(tmp_path), ())


@pytest.mark.parametrize("data", [True, False])
def test_the_rows_of_a_catalogue_lie_in_its_folder_of_data_if_it_has_one(tmp_path, data):
    make(tmp_path / "c", data=data)
    assert found(tmp_path / "c") == (str(tmp_path / "c" / "dataset" if data else tmp_path / "c"), ())


def test_a_catalogue_by_the_earlier_name_of_hats_is_one(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "catalog_info.json").write_text(json.dumps({"catalog_type": "margin"}))
    with pytest.raises(ConfigurationError, match="url is the margin of a HATS catalogue, not a list of objects"):
        found(tmp_path / "c")


@pytest.mark.parametrize("kind", ["margin", "index", "association", "map"])
def test_what_repeats_rows_is_refused(tmp_path, kind):
    with pytest.raises(ConfigurationError, match=f"is the {kind} of a HATS catalogue"):
        found(make(tmp_path / "c", kind))


def test_of_a_collection_the_catalogue_is_read_and_the_rest_is_told(tmp_path):
    make(tmp_path / "main")
    make(tmp_path / "main_10arcs", "margin")
    (tmp_path / "collection.properties").write_text("hats_primary_table_url = main\n")
    folder, (note,) = found(tmp_path)
    assert folder == str(tmp_path / "main" / "dataset")
    assert note == (
        "url is a HATS collection: 'main' is read; left out: main_10arcs (margins and indexes repeat its rows)"
    )
    (tmp_path / "collection.properties").unlink()
    assert found(tmp_path)[0] == folder, "also where nothing says that it is a collection"


def test_a_collection_without_its_catalogue_or_with_several_is_refused(tmp_path):
    make(tmp_path / "one")
    make(tmp_path / "two")
    with pytest.raises(ConfigurationError, match=r"holds several HATS catalogues \(one, two\): name one of them"):
        found(tmp_path)
    (tmp_path / "collection.properties").write_text("hats_primary_table_url = three\n")
    with pytest.raises(ConfigurationError, match="its catalogue 'three' .* is not there"):
        found(tmp_path)
