"""What checksums cost, and how fast `verify --deep` is: CPU-seconds as ratios, measured in turns in one run.

    python -m benchmarks.checksums [--rounds 7]

The arrays are those of a `spectra.zarr` of 2,496 spectra: flux, ivar and mask, in the product's own chunks and shards.
They are written and read with the compressor alone, and with a checksum behind it. Then the product is read by Zarr,
array by array, and verified.
"""

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import zarr
from zarr.abc.codec import BytesBytesCodec
from zarr.codecs import Crc32cCodec

from benchmarks.data import find_data, repeat_catalog
from benchmarks.pipeline import make_job
from benchmarks.spectra import COPIES
from benchmarks.timing import Work, as_a_worker, cpu_seconds, machine
from survey_batch.config.job import Job
from survey_batch.execution.runner import run
from survey_batch.integrity.products import Look, check_product
from survey_batch.planning.plan import make_plan
from survey_batch.stages import make_stage
from survey_batch.store.codecs import codecs_of
from survey_batch.store.products import open_group, stored
from survey_batch.store.schema import Variable

ARRAYS = ("flux", "ivar", "mask")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checksums", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    as_a_worker("benchmarks.checksums")
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        scratch = Path(folder)
        data = find_data(scratch)
        catalog = repeat_catalog(data.spectra, COPIES, scratch / "copies.csv", separator="|")
        archive = {"survey": "lamost", "root": str(data.lamost)}
        job = make_job("spectra", archive, {"path": str(catalog), "id": "copy_id"}, scratch / "spectra")
        run(job)
        print(f"{machine()}\n{data.what}; {rounds} rounds in turns, CPU-seconds\n", flush=True)
        compare_codecs(job, scratch, rounds)
        compare_verify(job, rounds)


def compare_codecs(job: Job, scratch: Path, rounds: int) -> None:
    """Write and read arrays with and without checksums."""
    product = open_group(job.output, "spectra")
    variables = [variable for variable in make_stage(job, "spectra").variables() if variable.name in ARRAYS]
    values = {variable.name: np.asarray(product[variable.name]) for variable in variables}
    nbytes = sum(array.nbytes for array in values.values())
    groups = {}
    for name, checked in (("without", False), ("with", True)):
        groups[name] = zarr.create_group(str(scratch / f"{name}.zarr"))
        for variable in variables:
            codecs = [codec for codec in codecs_of(variable) if checked or not isinstance(codec, Crc32cCodec)]
            _create(groups[name], variable, stored(product, variable.name), codecs)
    for what, work in (("write", _write), ("read", _read)):
        _tell(
            what,
            "with checksums",
            partial(work, groups["without"], values),
            partial(work, groups["with"], values),
            rounds,
            nbytes,
        )


def compare_verify(job: Job, rounds: int) -> None:
    """Verify a product and read it."""
    plan, stage = make_plan(job), make_stage(job, "spectra")
    look = Look(job.output, "spectra", open_group(job.output, "spectra"), plan, stage)
    names = sorted(look.group.array_keys())

    def read() -> None:
        for name in names:
            array = stored(look.group, name)
            for start in range(0, array.shape[0], plan.shard_rows("object")):
                array[start : start + plan.shard_rows("object")]

    def verify() -> None:
        look.nbytes = 0
        if faults := list(check_product(look, deep=True)):
            raise SystemExit(f"the product is damaged: {faults}")

    verify()
    _tell("read", "verify --deep", read, verify, rounds, look.nbytes)


def _create(group: zarr.Group, variable: Variable, like: zarr.Array[Any], codecs: Sequence[BytesBytesCodec]) -> None:
    group.create_array(
        variable.name,
        shape=like.shape,
        dtype=like.dtype,
        chunks=like.chunks,
        shards=like.shards,
        compressors=list(codecs),
        fill_value=variable.fill,
    )


def _write(group: zarr.Group, values: dict[str, Any]) -> None:
    for name, array in values.items():
        stored(group, name)[...] = array


def _read(group: zarr.Group, values: dict[str, Any]) -> None:
    for name in values:
        stored(group, name)[...]


def _tell(what: str, how: str, plain: Work, ours: Work, rounds: int, nbytes: int) -> None:
    plain()
    ours()
    pairs = [(cpu_seconds(plain), cpu_seconds(ours)) for _ in range(rounds)]
    ratios = sorted(second / first for first, second in pairs)
    speeds = [nbytes / 1e6 / median(seconds) for seconds in zip(*pairs, strict=True)]
    print(
        f"{what}: {speeds[0]:,.0f} MB per CPU-second; {how}: {speeds[1]:,.0f}; cost by the plain one's: median "
        f"{median(ratios):.3f}, {ratios[0]:.3f} to {ratios[-1]:.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
