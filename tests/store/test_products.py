import warnings

import numpy as np
import pytest
import xarray as xr

import survey_batch as sb
from survey_batch.core.errors import PlanMismatchError
from survey_batch.core.status import Status
from survey_batch.store.products import create_product, mark_rows_pending, product_exists, read_status, write_shard
from survey_batch.store.schema import OBJECT_COORDINATES, Schema, Shard, Variable, cut_into_shards


def schema(size=10, rows=4):
    return Schema(
        product="things",
        axis="object",
        sizes={"object": size, "pixel": 3},
        shard_rows=rows,
        variables=(*OBJECT_COORDINATES, Variable("flux", ("object", "pixel"), "f4", {"units": "nanomaggy"})),
        coordinates={"pixel": (("pixel",), np.array(["a", "b", "c"]), {"long_name": "pixel name"})},
    )


def block(shard, value=1.0):
    rows = len(shard)
    data = {
        "object_id": np.array([f"id-{row}" for row in range(shard.start, shard.stop)], dtype=object),
        "ra": np.arange(rows, dtype=float),
        "dec": np.zeros(rows),
        "label": np.array(["G"] * rows, dtype=object),
        "split": np.array([""] * rows, dtype=object),
        "flux": np.full((rows, 3), value, np.float32),
    }
    return data, np.full(rows, Status.OK, np.uint8)


@pytest.fixture
def output(tmp_path):
    create_product(str(tmp_path), schema(), {"provenance": {}})
    return str(tmp_path)


def test_a_new_product_is_pending_and_empty_everywhere(output):
    assert read_status(output, "things").tolist() == [Status.PENDING] * 10
    assert np.isnan(xr.open_zarr(f"{output}/things.zarr").flux).all()


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_written_shards_come_back_whole_in_any_order(output, order):
    shards = cut_into_shards("object", 10, 4)
    for index in order:
        write_shard(output, "things", shards[index], *block(shards[index], value=index))
    ds = xr.open_zarr(f"{output}/things.zarr")
    assert ds.flux.sum() == 3 * (4 * 0 + 4 * 1 + 2 * 2)
    assert ds.object_id.values.tolist() == [f"id-{row}" for row in range(10)]
    assert (ds.status == Status.OK).all()


def test_opening_a_product_warns_of_nothing_and_shows_names_units_and_coordinates(output):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = xr.open_zarr(f"{output}/things.zarr")
    assert ds.flux.dims == ("object", "pixel")
    assert ds.flux.attrs["units"] == "nanomaggy"
    assert set(ds.coords) == {"object_id", "ra", "dec", "label", "split", "pixel"}
    assert ds.status.attrs["flag_meanings"].split()[Status.NOT_FOUND] == "not_found"


def test_arrays_of_a_product_share_their_shards(output):
    ds = xr.open_zarr(f"{output}/things.zarr", chunks=None)
    assert {ds[name].encoding["shards"][0] for name in ("flux", "ra", "object_id", "status")} == {4}


def test_open_product_chunks_by_whole_shards(output):
    assert sb.open_product(output, "things").flux.chunks[0] == (4, 4, 2)


def test_open_product_says_what_to_run_where_there_is_none(tmp_path):
    with pytest.raises(sb.ConfigurationError, match="run the job's stage 'cutouts' first"):
        sb.open_product(str(tmp_path), "cutouts")


def test_a_shard_that_is_written_again_is_pending_until_it_is_whole(output, monkeypatch):
    shard = Shard("object", 0, 0, 4)
    write_shard(output, "things", shard, *block(shard))
    data, status = block(shard, value=2)
    seen = []

    class KilledError(Exception):
        pass

    def data_that_kills():
        seen.append(read_status(output, "things", shard.rows).tolist())
        raise KilledError

    class Data(dict):
        def __getitem__(self, _):
            data_that_kills()

    with pytest.raises(KilledError):
        write_shard(output, "things", shard, Data(data), status)
    assert seen == [[Status.PENDING] * 4]
    assert read_status(output, "things").tolist() == [Status.PENDING] * 10


def test_a_product_whose_creation_was_cut_short_does_not_exist(tmp_path):
    create_product(str(tmp_path), schema(), {"provenance": {}})
    (tmp_path / "things.zarr" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group", "attributes": {}}')
    assert not product_exists(str(tmp_path), "things")


def test_a_product_of_an_earlier_version_is_refused_with_what_to_do(tmp_path):
    create_product(str(tmp_path), schema(), {"pieces": {}})
    with pytest.raises(PlanMismatchError, match=r"made by an earlier version .* choose another output, or delete it"):
        product_exists(str(tmp_path), schema().product)


def test_rows_are_marked_as_pending_and_no_others(output):
    shards = cut_into_shards("object", 10, 4)
    for shard in shards:
        write_shard(output, "things", shard, *block(shard))
    rows = np.isin(np.arange(10), [1, 9])
    mark_rows_pending(output, "things", rows, shards)
    assert (read_status(output, "things") == np.where(rows, Status.PENDING, Status.OK)).all()
    assert (xr.open_zarr(f"{output}/things.zarr").flux == 1).all()
