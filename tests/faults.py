"""Every way in which a survey's server or a file can fail, and what each makes of an object.

The table `kinds` is read by tests of the download alone and by one of whole jobs: what the object is after one run, and
after the fault has gone and the run is repeated. One more run with `--retry` makes all of them `ok`.
"""

import bz2
import gzip
import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from itertools import repeat
from threading import Event
from time import time

from tests.servers import BUSY, FORBIDDEN, HTML_PAGE, NOT_FOUND, PAGE, RESET, SHORT, Fault, too_many_requests

CARD, BLOCK = 80, 2880
UNREACHABLE, UNREADABLE, MISSING, OK = "unreachable", "unreadable", "not_found", "ok"


@dataclass(frozen=True)
class Kind:
    """One fault, and the status that it gives."""

    name: str
    fault: Fault
    first: str
    """After one run."""
    slow: bool = field(default=False, kw_only=True)
    """Whether it takes as long as the job waits for an answer."""
    alone: bool = field(default=False, kw_only=True)
    """Whether it keeps all other requests from the host."""

    @property
    def then(self) -> str:
        """After the fault has gone and the run was repeated: what is final stays."""
        return OK if self.first == UNREACHABLE else self.first

    @property
    def of_file(self) -> bool:
        """Whether something of the file is sent."""
        fault = self.fault
        return fault.status == 200 and fault.body is None and fault.answer is None and not fault.delay

    def while_(self, there: Event):
        """Answers of the server: the fault as long as it is there, then the file."""
        while there.is_set():
            yield self.fault


def page(status: int, text: str = "", **headers: str) -> Fault:
    """An answer with an HTML page."""
    body = HTML_PAGE if not text else f"<html><body>{text}</body></html>".encode()
    return Fault(status=status, body=body, headers={"Content-Type": "text/html", **headers})


def redirect(to: str, status: int = 302) -> Fault:
    """An answer that sends the client elsewhere."""
    return Fault(status=status, body=b"", headers={"Location": to})


def said(body: bytes, kind: str, **headers: str) -> Fault:
    """Status 200 with something in place of the file."""
    return Fault(body=body, headers={"Content-Type": kind, **headers})


def pack_like(raw: bytes, plain: bytes) -> bytes:
    """Pack bytes as a file is packed."""
    return bz2.compress(plain) if raw.startswith(b"BZh") else gzip.compress(plain, 1, mtime=0)


def unpack(raw: bytes) -> bytes:
    """Unpack a file."""
    return (bz2 if raw.startswith(b"BZh") else gzip).decompress(raw)


def inside(edit: Callable[[bytes], bytes]) -> Fault:
    """The file with something wrong inside, packed again without a fault."""
    return Fault(change=lambda raw: pack_like(raw, edit(unpack(raw))))


def card(name: str, value: str) -> Fault:
    """The file with another value on a card of its first header."""
    line = f"{name:8}= {value:>20}".ljust(CARD).encode()
    return inside(lambda plain: re.sub(rb"(?s)" + f"{name:8}= ".encode() + b".{70}", line, plain, count=1))


def cut(share: float, **how: object) -> Fault:
    """The file without its end, in an answer that is whole."""
    return Fault(change=lambda raw: raw[: int(len(raw) * share)], **how)


def flipped(place: float) -> Fault:
    """The file with a few bits flipped at a place between 0 and 1."""

    def flip(raw: bytes) -> bytes:
        at = min(int(len(raw) * place), len(raw) - 8)
        return raw[:at] + bytes(byte ^ 0x55 for byte in raw[at : at + 8]) + raw[at + 8 :]

    return Fault(change=flip)


def closing(fault: Fault) -> Fault:
    """The same in an answer that does not say how long it is."""
    return replace(fault, framing="closing")


def without_end(plain: bytes) -> bytes:
    """Remove the END cards of all headers."""
    return plain.replace(b"END".ljust(CARD), b"COMMENT".ljust(CARD))


def closed_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


JSON_ERROR = json.dumps({"error": {"code": 503, "message": "try again later"}}).encode()
XML_ERROR = b'<?xml version="1.0"?>\n<Error><Code>SlowDown</Code></Error>'
PACKED, BROTLI = {"Content-Encoding": "gzip"}, {"Content-Encoding": "br"}
SENTENCE = b"Service temporarily unavailable, please come back later.\n"


def kinds(other: Callable[[bytes], bytes], bomb: int) -> list[Kind]:
    """Return the table.

    Parameters
    ----------
    other
        Turns a file into that of another object.
    bomb
        More bytes than any file of the survey unpacks to.
    """
    html = {"Content-Type": "text/html"}
    not_now = [
        Kind("403", FORBIDDEN, UNREACHABLE),
        Kind("403, seconds", Fault(403, {"Retry-After": "1"}, b"too fast"), UNREACHABLE),
        Kind("401", page(401, **{"WWW-Authenticate": "Basic"}), UNREACHABLE),
        Kind("407 of a proxy", page(407), UNREACHABLE),
        Kind("408", page(408), UNREACHABLE),
        Kind("429 without a time", Fault(status=429, body=b"slow down"), UNREACHABLE),
        Kind("429, seconds", too_many_requests("1"), UNREACHABLE),
        Kind("429, date", too_many_requests(formatdate(time() + 1, usegmt=True)), UNREACHABLE),
        Kind("429, an hour", too_many_requests("3600"), UNREACHABLE, alone=True),
        Kind("500", page(500), UNREACHABLE),
        Kind("502 of a proxy", page(502, "Bad gateway"), UNREACHABLE),
        Kind("503", BUSY, UNREACHABLE),
        Kind("503, seconds", Fault(503, {"Retry-After": "1", **html}, HTML_PAGE), UNREACHABLE),
        Kind("504 of a proxy", page(504), UNREACHABLE),
        Kind("204", Fault(status=204, body=b""), UNREACHABLE),
        Kind("418", page(418), UNREACHABLE),
        Kind("redirect to itself", redirect("/loop"), UNREACHABLE),
        Kind("redirect to a login page", redirect("/login"), UNREACHABLE),
        Kind("redirect without a place", Fault(status=302, body=b""), UNREACHABLE),
        Kind("redirect to nonsense", redirect("http://[::1/"), UNREACHABLE),
        Kind("redirect to an unknown host", redirect("http://nowhere.invalid/file"), UNREACHABLE),
        Kind("redirect to a closed port", redirect(f"http://127.0.0.1:{closed_port()}/"), UNREACHABLE),
        Kind("TLS where there is none", redirect("https://{host}/file"), UNREACHABLE),
        Kind("200, HTML", PAGE, UNREACHABLE),
        Kind("200, HTML in pieces", Fault(body=HTML_PAGE, headers=html, framing="chunked"), UNREACHABLE),
        Kind("200, HTML of a proxy", said(b"\n <html><h1>Proxy error</h1></html>", "text/html"), UNREACHABLE),
        Kind("200, HTML fragment", said(b"<div>down for maintenance</div>", "text/html"), UNREACHABLE),
        Kind("200, HTML packed", said(gzip.compress(HTML_PAGE), "text/html", **PACKED), UNREACHABLE),
        Kind("200, JSON", said(JSON_ERROR, "application/json"), UNREACHABLE),
        Kind("200, JSON packed", said(gzip.compress(JSON_ERROR), "application/gzip"), UNREACHABLE),
        Kind("200, XML", said(XML_ERROR, "application/xml"), UNREACHABLE),
        Kind("200, a sentence", said(SENTENCE, "text/plain"), UNREACHABLE),
        Kind("200, UTF-16", said(SENTENCE.decode().encode("utf-16"), "text/plain"), UNREACHABLE),
        Kind("200, empty", said(b"", "application/octet-stream"), UNREACHABLE),
        Kind("200, empty in pieces", Fault(body=b"", framing="chunked"), UNREACHABLE),
        Kind("200, empty and closed", Fault(body=b"", framing="closing"), UNREACHABLE),
        Kind("200, empty packed", said(gzip.compress(b""), "application/gzip"), UNREACHABLE),
        Kind("200, blanks", said(b"\r\n\r\n", "text/plain"), UNREACHABLE),
        Kind("packed as nobody asked", Fault(headers=BROTLI, change=lambda raw: b"\x0b" + raw), UNREACHABLE),
        Kind("fewer bytes than announced", SHORT, UNREACHABLE),
        Kind("one byte fewer than announced", Fault(sent=0.999), UNREACHABLE),
        Kind("no byte of those announced", Fault(sent=0.0), UNREACHABLE),
        Kind("pieces that stop", Fault(framing="chunked", sent=0.5), UNREACHABLE),
        Kind("closed early, no length", cut(0.5, framing="closing"), UNREACHABLE),
        Kind("closed at once, no length", cut(0.0001, framing="closing"), UNREACHABLE),
        Kind("reset before the answer", RESET, UNREACHABLE),
        Kind("reset within the body", Fault(reset=True, sent=0.5), UNREACHABLE),
        Kind("closed before the answer", Fault(answer=b""), UNREACHABLE),
        Kind("no HTTP", Fault(answer=b"220 ftp ready\r\n"), UNREACHABLE),
        Kind("a header that ends", Fault(answer=b"HTTP/1.1 200 OK\r\nContent-Le"), UNREACHABLE),
        Kind("a length that is none", Fault(headers={"Content-Length": "many"}), UNREACHABLE),
        Kind("no answer", Fault(delay=25.0), UNREACHABLE, slow=True),
        Kind("slow drip", Fault(drip=0.1), UNREACHABLE, slow=True),
        Kind("slow drip in pieces", Fault(drip=0.1, framing="chunked"), UNREACHABLE, slow=True),
        Kind("endless", Fault(body=b"BZh9" + bytes(1 << 18), endless=True, framing="closing"), UNREACHABLE),
    ]  # fmt: skip
    absent = [
        Kind("404", NOT_FOUND, MISSING),
        Kind("404 with a page", page(404), MISSING),
        Kind("410", Fault(status=410), MISSING),
    ]
    wrong = [
        Kind("another object's file", Fault(change=other), UNREADABLE),
        Kind("bomb", inside(lambda plain: plain + bytes(bomb)), UNREADABLE),
        Kind("cut short, whole answer", cut(0.5), UNREADABLE),
        Kind("last byte missing, whole answer", Fault(change=lambda raw: raw[:-1]), UNREADABLE),
        Kind("first bytes only, whole answer", Fault(change=lambda raw: raw[:14]), UNREADABLE),
        Kind("cut short in pieces, whole answer", cut(0.7, framing="chunked"), UNREADABLE),
        Kind("bits flipped at the start", flipped(0.0), UNREADABLE),
        Kind("bits flipped in the middle", flipped(0.5), UNREADABLE),
        Kind("bits flipped at the end", flipped(1.0), UNREADABLE),
        Kind("bits flipped, no length", closing(flipped(0.5)), UNREADABLE),
        Kind("BITPIX of none", card("BITPIX", "-16"), UNREADABLE),
        Kind("BITPIX of another size", card("BITPIX", "64"), UNREADABLE),
        Kind("BITPIX no number", card("BITPIX", "'many'"), UNREADABLE),
        Kind("BITPIX wrong, no length", closing(card("BITPIX", "-16")), UNREADABLE),
        Kind("axis without end", card("NAXIS1", "99999999999"), UNREADABLE),
        Kind("no END", inside(without_end), UNREADABLE),
        Kind("FITS cut short inside", inside(lambda plain: plain[: len(plain) // 2]), UNREADABLE),
        Kind("FITS cut in its header inside", inside(lambda plain: plain[:800]), UNREADABLE),
        Kind("FITS cut inside, no length", closing(inside(lambda plain: plain[:5000])), UNREADABLE),
        Kind("first card damaged inside", inside(lambda plain: b"SHMPLE  =" + plain[9:]), UNREADABLE),
        Kind("no FITS inside", inside(lambda plain: b"\xff\xd8\xff" + plain[3:]), UNREADABLE),
        Kind("no FITS at all", said(b"\x7fELF" + bytes(5000), "application/octet-stream"), UNREADABLE),
        Kind("something behind the file", Fault(change=lambda raw: raw + HTML_PAGE), UNREADABLE),
    ]  # fmt: skip
    harmless = [
        Kind("coding that is none", Fault(headers=PACKED), OK),
        Kind("unknown coding that is none", Fault(headers=BROTLI), OK),
        Kind("packed once more", Fault(change=gzip.compress, headers=PACKED), OK),
        Kind("no length", Fault(framing="closing"), OK),
        Kind("in pieces", Fault(framing="chunked"), OK),
        Kind("unpacked", Fault(change=unpack), OK),
        Kind("page as type", Fault(headers=html), OK),
    ]  # fmt: skip
    return not_now + absent + wrong + harmless


LANDINGS = {"/loop": repeat(redirect("/loop")), "/login": repeat(PAGE)}
"""Where redirects lead to on the server itself."""
