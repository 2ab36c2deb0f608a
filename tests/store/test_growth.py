"""A product that is given more rows."""

import json
from pathlib import Path

import numpy as np
import pytest
import zarr

from survey_batch.core.paths import read_json
from survey_batch.core.status import Status
from survey_batch.store.growth import generations, lengthen
from survey_batch.store.products import create_product, open_group, read_status, write_shard
from survey_batch.store.root import damaged_metadata, known_products, leave_out, settle, write_root
from survey_batch.store.schema import Schema, Variable, cut_into_shards

SCHEMA = Schema(
    "spectra",
    "object",
    {"object": 6, "pixel": 3},
    4,
    (Variable("flux", ("object", "pixel"), "f4"), Variable("name", ("object",), "string")),
    {"pixel": (("pixel",), np.arange(3), {})},
)


@pytest.fixture
def output(tmp_path):
    """Six rows, all done, in shards of four."""
    create_product(str(tmp_path), SCHEMA, {"provenance": {}, "generations": [6]})
    for shard in cut_into_shards("object", 6, 4):
        rows = np.arange(shard.start, shard.stop)
        data = {"flux": np.repeat(rows, 3).reshape(-1, 3).astype("f4"), "name": rows.astype(str).astype(object)}
        write_shard(str(tmp_path), "spectra", shard, data, np.full(len(shard), Status.OK, np.uint8))
    return str(tmp_path)


def test_new_rows_are_pending_and_old_files_stay(output):
    before = {path: path.read_bytes() for path in Path(output).glob("spectra.zarr/*/c/**/*") if path.is_file()}
    lengthen(output, "spectra", "object", 11, {"generations": [6, 11], "history": "grown"})
    assert {path: path.read_bytes() for path in before} == before
    assert read_status(output, "spectra").tolist() == [1] * 6 + [0] * 5
    group = open_group(output, "spectra")
    assert group["flux"][:, 0].tolist()[:6] == [0, 1, 2, 3, 4, 5]
    assert np.isnan(group["flux"][6:]).all()
    assert group["pixel"].shape == (3,)
    assert zarr.open_array(f"{output}/spectra.zarr/flux").shape == (11, 3), "also without consolidated metadata"
    assert generations(output, 0) == {"spectra": (6, 11)}
    assert group.attrs["history"] == "grown"
    found = damaged_metadata(output)
    assert not found.copies
    assert not found.lost
    assert not found.group


def test_a_change_that_was_cut_short_is_settled(output):
    path = Path(output, "spectra.zarr", "zarr.json")
    settled = {file: file.read_bytes() for file in Path(output).glob("spectra.zarr/*/zarr.json")}
    settle(output, "spectra")
    assert {file: file.read_bytes() for file in settled} == settled, "as Zarr writes them"
    leave_out(output, "spectra")
    text = path.read_text()
    path.write_text(text.replace("6,\n", "9,\n"))
    assert text != path.read_text()
    assert known_products(output) == set()
    settle(output)
    assert zarr.open_array(f"{output}/spectra.zarr/flux").shape == (9, 3)
    write_root(output)
    assert not damaged_metadata(output).group


def test_generations_of_a_damaged_product_are_those_of_its_copy_and_an_earlier_version_s_are_its_length(output):
    path = Path(output, "spectra.zarr", "zarr.json")
    whole = path.read_text()
    path.write_text("{cut")
    assert generations(output, 0) == {"spectra": (6,)}
    Path(output, "zarr.json").unlink()
    assert generations(output, 0) == {}
    metadata = json.loads(whole)
    del metadata["attributes"]["generations"]
    path.write_text(json.dumps(metadata))
    assert read_json(str(path))["attributes"]["provenance"] == "{}"
    assert generations(output, 0) == {"spectra": (6,)}
    assert generations(output, 4) == {"spectra": (4,)}
