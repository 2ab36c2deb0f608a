"""The table that a person reads, and the file that a program does."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from benchmarks.rows import Clock, Result, Row

UNITS = ((1e-6, "µs"), (1e-3, "ms"), (1.0, "s"))
HEADINGS = ("row", "for each", "floor", "ours", "floor / ours", "aim", "other ways")
WIDTHS = (15, 34, 7, 7, 22, 12, 0)


def duration(seconds: float) -> str:
    """Write seconds with three digits, in the unit that fits."""
    scale, unit = next(((scale, unit) for scale, unit in UNITS if seconds < 999.5 * scale), UNITS[-1])
    value = seconds / scale
    return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f} {unit}"


def header(against: bool) -> str:
    """The first two lines."""
    headings = (*HEADINGS[:-1], *(["against"] if against else []), HEADINGS[-1])
    return f"{_line(headings)}\n{'|'.join(['', *('---' for _ in headings), ''])}"


def line(name: str, result: Result, before: Mapping[str, Any] | None = None) -> str:
    """The line of a row; with `before`, the row of an earlier file, how much faster ours has become."""
    row, ratios = result.row, result.ratios()
    share = "{} ({} to {})".format(*map(_ratio, (median(ratios), min(ratios), max(ratios)))) if ratios else "no floor"
    cells = [
        name,
        row.each + (", by the clock" if row.clock == "wall" else ""),
        duration(result.each("floor")) if ratios else "",
        duration(result.each()),
        share,
        _verdict(row, ratios),
        *([faster(result, before)] if before is not None else []),
        "; ".join(_peers(result)),
    ]
    return _line(cells)


def unmeasured(name: str, reason: str) -> str:
    """The line of a row that cannot be measured."""
    return f"| {name:{WIDTHS[0]}} | not measured: {reason} |"


def _line(cells: Any) -> str:
    widths = [*WIDTHS[:-1], *[9] * (len(cells) - len(WIDTHS)), WIDTHS[-1]]
    return f"| {' | '.join(f'{cell:{width}}' for cell, width in zip(cells, widths, strict=True))} |"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def _verdict(row: Row, ratios: list[float]) -> str:
    if row.aim is None or not ratios:
        return ""
    return f"{row.aim:.2f} {'reached' if median(ratios) >= row.aim else 'MISSED'}"


def _peers(result: Result) -> Iterator[str]:
    for peer in result.row.peers:
        if peer.missing:
            yield f"{peer.what}: {peer.missing}"
        else:
            times = f", {median(result.ratios(peer.what)):.2g} times ours" if peer.compared else ""
            yield f"{peer.what}: {duration(result.each(peer.what))}{times}"


def faster(result: Result, before: Mapping[str, Any]) -> str:
    """Our speed by that of an earlier file: against the floor where there is one, which leaves the machine out."""
    if not before:
        return "new"
    if result.row.floor and before.get("ratio"):
        return f"{median(result.ratios()) / before['ratio']:.2f}"
    return f"{before['ours'] / result.each():.2f}, no floor"


def notes(name: str, result: Result) -> list[str]:
    """What the figures do not say."""
    row = result.row
    floor = f" Floor: {row.floor.what}." if row.floor else ""
    return [f"{name}: {row.ours.what}.{floor}", *(f"    {note}" for note in result.notes)]


def as_json(result: Result) -> dict[str, Any]:
    """Everything that was measured; seconds are for one of what is counted, round by round."""
    row, ratios = result.row, result.ratios()
    clocks: tuple[Clock, ...] = ("cpu", "wall") if row.clock == "cpu" else ("wall",)
    whats = {"floor": row.floor.what if row.floor else None, "ours": row.ours.what}
    return {
        "each": row.each,
        "clock": row.clock,
        "count": row.count,
        "aim": row.aim,
        "ratio": median(ratios) if ratios else None,
        "ours": result.each(),
        "floor": result.each("floor") if ratios else None,
        "sides": {
            name: {"what": whats.get(name, name), **{clock: result.rounds(name, clock) for clock in clocks}}
            for name in result.taken
        },
        "missing": {peer.what: peer.missing for peer in row.peers if peer.missing},
        "notes": result.notes,
    }
