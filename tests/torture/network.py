"""An S3 server behind a proxy that cuts, stalls and delays connections."""

import asyncio
import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from unittest import mock

import fsspec
import s3fs

from tests.processes import command
from tests.servers import s3_server
from tests.torture.disks import ended_well
from tests.torture.kills import LIMIT, judged
from tests.torture.rounds import Outcome, Round, Scenario
from tests.torture.scene import SPECTRA

RUNS = 6
"""Runs after which a job must be done; the last two have a quiet line."""


@dataclass
class Line:
    """A proxy before a server, and what it does to connections."""

    target: int
    cut: float = 0.0
    """Share of the pieces of data at which the connection is reset."""
    delay: float = 0.0
    """Share of the pieces that come a second late."""
    chance: random.Random = field(default_factory=random.Random)
    port: int = 0
    faults: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join one connection to the server."""
        there, here = await asyncio.open_connection("127.0.0.1", self.target)
        with suppress(OSError, asyncio.IncompleteReadError):
            await asyncio.gather(self.pump(reader, here, writer), self.pump(there, writer, here))

    async def pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        """Pass pieces on until one side ends, or chance ends both."""
        while piece := await source.read(1 << 14):
            if self.chance.random() < self.cut:
                self.faults += 1
                sink.write(piece[: len(piece) // 2])
                for each in (sink, back):
                    each.transport.abort()
                return
            if self.chance.random() < self.delay:
                self.faults += 1
                await asyncio.sleep(1)
            sink.write(piece)
            await sink.drain()
        sink.close()


@contextmanager
def proxied(line: Line) -> Iterator[Line]:
    """Run the proxy in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(line.serve, "127.0.0.1", 0), loop).result()
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


async def _end(server: asyncio.Server) -> None:
    """Close the proxy and the connections that are left."""
    server.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


def bucket_on_a_bad_line(this: Round, *, cut: float, delay: float) -> Outcome:
    """The output is in a bucket, connections to it break, and the same command is run again; the last ones do not."""
    here, outcome = this.scenes[SPECTRA], Outcome()
    with s3_server(this.folder / "s3") as endpoint:
        line = Line(int(endpoint.rpartition(":")[2]), cut, delay, this.chance)
        files = s3fs.S3FileSystem()
        files.mkdir("survey")
        job = here.job("s3://survey/out")
        codes = []
        with proxied(line), mock.patch.dict(os.environ, {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{line.port}"}):
            for number in range(RUNS):
                if number >= RUNS - 2:
                    line.cut = line.delay = 0.0
                with command(job, this.folder, process_group=0) as running:
                    code = running.wait(LIMIT)
                    messages = running.messages
                codes.append(code)
                ended_well(outcome, code, messages)
                if code == 0:
                    break
        files.invalidate_cache()
        files.get("survey/out/", f"{this.folder}/out/", recursive=True)
        judged(this, here, outcome, [], [], this.folder / "out")
        if codes[-1] != 0:
            outcome.wrong.append(f"not done after {RUNS} runs: {messages[-2000:]}")
        outcome.faults, outcome.what = line.faults, f"exit codes {codes}"
        fsspec.get_filesystem_class("s3").clear_instance_cache()
    return outcome


SCENARIOS = [
    Scenario("S3 with cut connections", partial(bucket_on_a_bad_line, cut=0.01, delay=0.0), 6),
    Scenario("S3 with many cut connections", partial(bucket_on_a_bad_line, cut=0.1, delay=0.0), 4),
    Scenario("S3 with late answers", partial(bucket_on_a_bad_line, cut=0.002, delay=0.05), 4),
]
