"""The output folder is a Zarr group: `xarray.open_datatree` opens every product, and nothing else disturbs it."""

import json
import shutil
import warnings

import fsspec
import numpy as np
import pytest
import xarray as xr
import zarr

from survey_batch.core.paths import join, write_bytes
from survey_batch.core.status import Status
from survey_batch.store.products import create_product, write_shard
from survey_batch.store.root import DamagedMetadata, damaged_metadata, restore_metadata, write_root
from survey_batch.store.schema import OBJECT_COORDINATES, Schema, Shard, Variable


def create(output, product, size, axis="object"):
    own = OBJECT_COORDINATES if axis == "object" else ()
    variables = (*own, Variable("flux", (axis, "pixel"), "f4", {"units": "nanomaggy"}))
    fixed = {"pixel": (("pixel",), np.arange(3), {})}
    schema = Schema(product, axis, {axis: size, "pixel": 3}, 4, variables, fixed, status_dims=(axis,))
    create_product(str(output), schema, {"provenance": {}})


def fill(output, product, start, stop):
    rows = np.arange(start, stop)
    texts = {name: rows.astype(str).astype(object) for name in ("object_id", "label", "split")}
    data = {**texts, "ra": rows * 1.0, "dec": rows * 1.0, "flux": np.repeat(rows[:, None], 3, 1).astype("f4")}
    status = np.full(len(rows), Status.OK, np.uint8)
    write_shard(str(output), product, Shard("object", start // 4, start, stop), data, status)


def open_tree(output):
    """Open an output and let every warning be an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return xr.open_datatree(str(output), engine="zarr")


@pytest.fixture(params=["local", "memory"])
def output(request, tmp_path):
    yield str(tmp_path) if request.param == "local" else f"memory://{tmp_path.name}"
    if request.param == "memory":
        fsspec.filesystem("memory").rm(f"/{tmp_path.name}", recursive=True)


def test_products_of_any_axis_open_as_one_tree_beside_files_that_are_not_zarr(output):
    create(output, "frames", 2, axis="frame")
    create(output, "cutouts", 6)
    fill(output, "cutouts", 4, 6)
    create(output, "features", 6)
    for name in ("log/1.jsonl", "plan/objects.parquet", "problems/cutouts-0.json", "run.json", "problems.parquet"):
        write_bytes(join(output, name), b"{}")
    tree = open_tree(output)
    assert sorted(tree.children) == ["cutouts.zarr", "features.zarr", "frames.zarr"]
    assert dict(tree.dataset.variables) == {}
    assert tree["cutouts.zarr/status"].values.tolist() == [0, 0, 0, 0, 1, 1]
    assert tree["cutouts.zarr/flux"].values[:, 0].tolist()[4:] == [4, 5]
    xr.testing.assert_identical(tree["cutouts.zarr"].to_dataset(), xr.open_zarr(f"{output}/cutouts.zarr", chunks=None))


def test_zarr_itself_finds_each_product_and_what_its_rows_are_now(tmp_path):
    create(tmp_path, "cutouts", 6)
    fill(tmp_path, "cutouts", 0, 4)
    group = zarr.open_group(tmp_path, mode="r")
    assert list(group.group_keys()) == ["cutouts.zarr"]
    assert np.asarray(group["cutouts.zarr/status"]).tolist() == [1, 1, 1, 1, 0, 0]


def test_a_product_that_is_made_anew_has_its_new_shape(tmp_path):
    create(tmp_path, "cutouts", 6)
    create(tmp_path, "cutouts", 9)
    assert open_tree(tmp_path)["cutouts.zarr"].sizes["object"] == 9


def test_a_product_that_was_deleted_is_gone_when_the_group_is_written_again(tmp_path):
    create(tmp_path, "cutouts", 6)
    create(tmp_path, "features", 6)
    shutil.rmtree(tmp_path / "features.zarr")
    assert (open_tree(tmp_path)["features.zarr/status"] == Status.PENDING).all()  # until then nothing of it is done
    write_root(str(tmp_path))
    assert list(open_tree(tmp_path).children) == ["cutouts.zarr"]


def test_a_product_whose_creation_was_cut_short_is_left_out(tmp_path):
    create(tmp_path, "cutouts", 6)
    create(tmp_path, "features", 6)
    (tmp_path / "features.zarr" / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group"}))
    (tmp_path / "spectra.zarr").mkdir()
    write_root(str(tmp_path), "features", "spectra")
    assert list(open_tree(tmp_path).children) == ["cutouts.zarr"]


def test_an_output_without_products_is_an_empty_group(tmp_path):
    write_root(str(tmp_path))
    assert open_tree(tmp_path).children == {}


def test_a_flipped_bit_in_any_copy_of_the_metadata_is_found_and_undone(tmp_path):
    create(tmp_path, "cutouts", 6)
    files = {path: path.read_bytes() for path in [tmp_path / "zarr.json", *tmp_path.glob("**/zarr.json")]}
    assert damaged_metadata(str(tmp_path)) == DamagedMetadata()
    for path, whole in files.items():
        for byte in range(0, len(whole), 1 + len(whole) // 12):
            path.write_bytes(whole[:byte] + bytes([whole[byte] ^ 1 << byte % 7]) + whole[byte + 1 :])
            found = damaged_metadata(str(tmp_path))
            node = str(path.parent.relative_to(tmp_path))
            if path.parent == tmp_path:
                assert (found.copies, found.lost, found.group) == ({}, [], True), byte
            else:
                assert (list(found.copies), found.lost, found.group) == ([node], [], False)
            found.restore(str(tmp_path))
            assert damaged_metadata(str(tmp_path)) == DamagedMetadata()
            assert {path: path.read_bytes() for path in files} == files


def test_metadata_of_which_no_copy_is_left_is_told(tmp_path):
    create(tmp_path, "cutouts", 6)
    (tmp_path / "cutouts.zarr" / "zarr.json").write_bytes(b"")
    root = tmp_path / "zarr.json"
    root.write_text(root.read_text().replace('"CF-1.11"', '"CF-1.12"'))
    found = damaged_metadata(str(tmp_path))
    assert (found.copies, found.lost, found.group) == ({}, ["cutouts.zarr"], True)


def test_a_run_does_not_copy_what_was_damaged(tmp_path):
    create(tmp_path, "cutouts", 6)
    path = tmp_path / "cutouts.zarr" / "zarr.json"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"CF-1.11", b"CF-1.15"))
    write_root(str(tmp_path))
    assert restore_metadata(str(tmp_path)) == ["cutouts.zarr/zarr.json"]
    assert path.read_bytes() == whole
    assert restore_metadata(str(tmp_path)) == []
