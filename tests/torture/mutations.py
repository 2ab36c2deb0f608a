"""Changes to files that know the files' structure: they find far more than random bytes do.

Each takes bytes and a generator of random numbers, and returns other bytes. The same seed gives the same bytes.
"""

import bz2
import gzip
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from random import Random

from survey_batch.archive.decompress import decompress
from survey_batch.archive.fits_units import extensions, primary_unit
from survey_batch.core.errors import UnreadableError

CARD, BLOCK = 80, 2880

Mutation = Callable[[bytes, Random], bytes]

NUMBERS = (
    0, 1, -1, 2, 3, 5, 7, 8, 9, 16, 32, 64, -32, -64, 100, 255, 256, 999, 1000, 3909, 65535, 65536, 2**31 - 1, 2**31,
    -(2**31), 2**32, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30,
)  # fmt: skip
WORDS = (
    "", " ", "T", "F", "nan", "inf", "-inf", "1e400", "-0", "0.5", "1e-320", "1D5", "1_0", "0x10", "١", "é",
    "\u2028", "'", "''", "None", "null", "-9999", "12:30:45.6", "1 2 3", "%", "\\", "/", "..", "A"*300, "9"*40,
    "9"*5000,
)  # fmt: skip
CARDS = (
    "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "NAXIS4", "PCOUNT", "GCOUNT", "TFIELDS", "TFORM1", "TFORM2",
    "TTYPE1", "TTYPE2", "TDIM1", "TDIM2", "TSCAL1", "TZERO1", "TNULL1", "TUNIT1", "THEAP", "BSCALE", "BZERO",
    "BLANK", "EXTEND", "EXTNAME", "ZIMAGE", "ZCMPTYPE", "GROUPS", "XTENSION", "SIMPLE", "CONTINUE", "HIERARCH",
    "COMMENT", "END", "EXTEN0", "COEFF0", "COEFF1", "VACUUM", "CTYPE1", "CRVAL1", "CD1_1", "RADESYS", "BUNIT",
    "RUN", "CAMCOL", "FILTER", "TAI",
)  # fmt: skip
FORMS = (
    "E", "D", "J", "I", "K", "L", "X", "B", "A", "C", "M", "P", "Q", "0E", "3E", "300E", "16A", "11X", "PE(5)", "QD(9)",
    "1PA", "99999999E", "2147483648D", "(3,2)", "(0)", "(999999,999999,999999)", "(-1,4)", "E99", "F8.3", "I4", "A0",
)  # fmt: skip


def damaged(raw: bytes, random: Random) -> bytes:
    """Change a few bytes or stretches, of any kind of file."""
    data = bytearray(raw)
    for _ in range(random.choice((1, 1, 2, 4, 9))):
        at, size = random.randrange(len(data) + 1), random.choice((1, 2, 4, 8, 80, 512, 2880))
        kind = random.randrange(8)
        if kind < 3 and at < len(data):
            data[at] = data[at] ^ 1 << random.randrange(8) if kind else random.randrange(256)
        elif kind == 3:
            data[at : at + size] = random.randbytes(min(size, 64))
        elif kind == 4:
            del data[at : at + size]
        elif kind == 5:
            data[at:at] = data[(other := random.randrange(len(data) + 1)) : other + size]
        elif kind == 6:
            data[at : at + size] = bytes([random.choice((0, 32, 255))]) * size
        elif random.random() < 0.3:
            del data[at:]
    return bytes(data)


def value(random: Random) -> str:
    """Draw a value that a parser may not expect."""
    kind = random.randrange(5)
    if kind < 2:
        return str(random.choice(NUMBERS))
    if kind == 2:
        return str(random.choice(NUMBERS) * random.choice((0.5, 1e-5, 1.0, 1e10)))
    return random.choice(WORDS if kind == 3 else FORMS)


# ---------------------------------------------------------------------------------------------------------------- FITS


@lru_cache(64)
def headers_of(raw: bytes) -> tuple[tuple[int, int], ...]:
    """Find the headers of a FITS file: byte offsets of each and of its END card; as far as it is whole."""
    try:
        units = [primary_unit(raw)]
        units += extensions(units[0])
    except UnreadableError:
        begins = [found.start() for found in re.finditer(rb"SIMPLE  =|XTENSION=", raw) if not found.start() % BLOCK]
        return tuple((begin, begin + BLOCK - CARD) for begin in begins)
    return tuple((unit.begin, unit.end) for unit in units)


def card(key: str, text: str, random: Random) -> bytes:
    """Write a card; text is quoted, as it should be, in half of the cases."""
    quoted = f"'{text[:66]:8}'" if random.random() < 0.5 else f"{text[:68]:>20}"
    return f"{key[:8]:8}= {quoted}".encode("utf-8", "replace")[:CARD].ljust(CARD)


def fits(raw: bytes, random: Random) -> bytes:
    """Change cards, headers, units or pixels of a FITS file."""
    data, headers = bytearray(raw), headers_of(raw)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        begin, end = random.choice(headers) if headers else (0, len(data))
        _change_header(data, begin, end, random)
    if random.random() < 0.15:
        _change_units(data, headers, random)
    if random.random() < 0.15:
        _change_pixels(data, headers, random)
    return damaged(bytes(data), random) if random.random() < 0.1 else bytes(data)


def _change_header(data: bytearray, begin: int, end: int, random: Random) -> None:
    """Change one card in place, so that what follows stays where it is."""
    count = max((end - begin) // CARD, 1)
    at = begin + CARD * random.randrange(count + 1)
    kind = random.randrange(12)
    if kind < 6:  # another value for a card that is there, of those that say how data lie in half of the cases
        wanted = random.choice(CARDS).encode().ljust(8) if kind < 3 else b""
        found = data.find(wanted, begin, end) if wanted else -1
        at = found if found >= 0 and (found - begin) % CARD == 0 else at
        key = data[at : at + 8].decode("latin-1").strip()
        data[at : at + CARD] = card(key, value(random), random)
    elif kind < 8:
        data[at : at + CARD] = card(random.choice(CARDS), value(random), random)
    elif kind == 8:
        other = begin + CARD * random.randrange(count + 1)
        data[at : at + CARD], data[other : other + CARD] = data[other : other + CARD], data[at : at + CARD]
    elif kind == 9:
        data[at : at + CARD] = random.choice((b"END", b"", b"COMMENT", b"CONTINUE  'x&'")).ljust(CARD)
    elif kind == 10:
        data[at : at + CARD] = random.randbytes(CARD)
    else:  # a number that is nearly right
        text = bytes(data[at : at + CARD])
        if number := re.search(rb"-?\d+", text[10:]):
            changed = str(int(number[0]) + random.choice((-1, 1, 7, -32))).encode()
            data[at : at + CARD] = (text[:10] + text[10:].replace(number[0], changed, 1))[:CARD].ljust(CARD)


def _change_units(data: bytearray, headers: Sequence[tuple[int, int]], random: Random) -> None:
    """Cut the file, leave out a unit, repeat one, or add blocks."""
    at = BLOCK * random.randrange(len(data) // BLOCK + 1)
    begins = [begin for begin, _ in headers] + [len(data)]
    unit = random.randrange(max(len(headers), 1))
    part = slice(begins[unit], begins[min(unit + 1, len(begins) - 1)])
    kind = random.randrange(6)
    if kind == 0:
        del data[at + random.choice((0, 0, 1, 79)) :]
    elif kind == 1:
        del data[part]
    elif kind == 2:
        data += data[part]
    elif kind == 3:
        data[at:at] = random.choice((b"\0", b" ", b"XTENSION= 'IMAGE   '".ljust(CARD))) * BLOCK
    elif kind == 4:
        del data[at : at + BLOCK]
    else:
        data += random.choice((b"\0", b" ", b"X")) * random.choice((1, 100, BLOCK))


def _change_pixels(data: bytearray, headers: Sequence[tuple[int, int]], random: Random) -> None:
    """Put numbers that are none, huge or tiny among the pixels."""
    patterns = (
        b"\x7f\xc0\0\0",
        b"\x7f\x80\0\0",
        b"\xff\x80\0\0",
        b"\x7f\x7f\xff\xff",
        b"\0\0\0\1",
        b"\0\0\0\0",
        b"\x80\0\0\0",
    )
    begin = random.choice([-(-(end + CARD) // BLOCK) * BLOCK for _, end in headers] or [0])
    words = max((len(data) - begin) // 4, 1)
    for _ in range(random.choice((1, 3, 30))):
        at, many = begin + 4 * random.randrange(words), random.choice((1, 1, 8, 1000))
        data[at : at + 4 * many] = random.choice(patterns) * many


def packed(inner: Mutation, plain: float = 0.85) -> Mutation:
    """Change what is in a packed file; pack it again, as gzip or bzip2, and sometimes damage the packed bytes."""

    def mutate(raw: bytes, random: Random) -> bytes:
        with suppress(UnreadableError):
            raw = decompress(raw, 20_000_000, plain=True)
        data = inner(raw, random)
        if random.random() < plain:
            return data
        pack = random.choice(PACKERS)
        split = random.randrange(len(data) + 1) if random.random() < 0.2 else 0
        data = pack(data[:split]) + pack(data[split:]) if split else pack(data)
        if random.random() < 0.1:
            data = random.choice(PACKERS)(data)
        return damaged(data, random) if random.random() < 0.5 else data

    return mutate


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


PACKERS: tuple[Callable[[bytes], bytes], ...] = (*[_gzip] * 5, lambda data: bz2.compress(data, 1))


# ---------------------------------------------------------------------------------------------------------------- text


def text(tokens: Sequence[str] = ()) -> Mutation:
    """Change words, cells, attributes and lines of a text; `tokens` are words that the format gives a meaning."""
    pieces = tuple(token.encode() for token in tokens)
    word = re.compile(rb"[\w.+:-]+|\"[^\"\n]*\"|'[^'\n]*'|<[^>\n]*>|[^\w\s]")

    def mutate(raw: bytes, random: Random) -> bytes:
        data = raw
        for _ in range(random.choice((1, 1, 2, 3, 6))):
            kind = random.randrange(10)
            found = word.search(data, random.randrange(len(data) + 1)) if kind < 6 else None
            if found:
                new = random.choice(pieces) if pieces and random.random() < 0.5 else value(random).encode()
                if kind == 5:
                    new = new + found[0]
                elif kind == 4:
                    new = b""
                data = data[: found.start()] + new + data[found.end() :]
            elif kind < 9:
                data = _change_lines(data, random)
            else:
                data = _change_encoding(data, random)
        return damaged(data, random) if random.random() < 0.15 else data

    return mutate


def _change_lines(data: bytes, random: Random) -> bytes:
    lines = data.split(b"\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    kind = random.randrange(6)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[other])
    elif kind == 2:
        lines[at], lines[other] = lines[other], lines[at]
    elif kind == 3:
        lines[at] = lines[at] + random.choice((b",", b"|", b"\t", b'"', b"'", b"#", b"\\", b"\r", b"\0")) + lines[other]
    elif kind == 4:
        lines[at] = lines[at][: random.randrange(len(lines[at]) + 1)]
    else:
        lines[at:at] = lines[at : at + 3] * random.choice((2, 50))
    return b"\n".join(lines)


def _change_encoding(data: bytes, random: Random) -> bytes:
    written = data.decode("utf-8", "replace")
    kind = random.randrange(5)
    if kind == 0:
        return written.encode(random.choice(("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig")))
    if kind == 1:
        return data.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\n", b"\x0b", b"\x85")))
    if kind == 2:
        return data.replace(*random.choice(((b",", b"|"), (b",", b"\t"), (b"|", b","), (b" ", b"\t"), (b'"', b"'"))))
    at = random.randrange(len(data) + 1)
    return (
        data[:at] + random.choice((b"\xff", b"\xc3\x28", b"\0", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x1a")) + data[at:]
    )


def parquet(raw: bytes, random: Random) -> bytes:
    """Change a Parquet file, mostly its footer, which says where everything is."""
    if random.random() < 0.4:
        return damaged(raw, random)
    length = int.from_bytes(raw[-8:-4], "little")
    begin, end = max(len(raw) - 8 - length, 4), len(raw) - 8
    footer = bytearray(raw[begin:end])
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(footer) or 1)
        kind = random.randrange(4)
        if kind == 0:
            footer[at : at + 1] = bytes([random.randrange(256)])
        elif kind == 1:
            footer[at : at + random.choice((1, 5))] = b"\xff\xff\xff\xff\x0f"
        elif kind == 2:
            del footer[at : at + random.choice((1, 2, 9))]
        else:
            footer[at:at] = footer[(other := random.randrange(len(footer) or 1)) : other + random.choice((1, 4, 20))]
    size = len(footer) if random.random() < 0.9 else random.choice((0, 2**31, 2**32 - 1, length))
    return raw[:begin] + bytes(footer) + size.to_bytes(4, "little") + raw[-4:]
