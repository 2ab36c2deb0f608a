"""Uniform text for numbers: counts, durations in words, sizes in powers of 1000, rates."""

from rich.filesize import decimal


def counted(number: int, noun: str, plural: str = "") -> str:
    """Write a number of things: 1 file, 2,000 files; `plural` is the noun with an s unless it is given."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def duration(seconds: float) -> str:
    """Write a duration in words: 45 s, 11 min, 2 h 5 min, 31 h, 13 days."""
    if round(seconds) < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 10:
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 100 else f"{round(hours / 24):,} days"


def size(nbytes: float) -> str:
    """Write a number of bytes as in job files: 1 kB is 1000 bytes, 1 MB is 10^6."""
    return decimal(round(nbytes))


def rate(per_second: float) -> str:
    """Write a rate with three digits, or as an integer from 1000 on."""
    return f"{per_second:,.0f}" if per_second >= 1000 else f"{per_second:.3g}"
