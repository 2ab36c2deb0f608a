"""The order in which numpy adds: it tells which zeros a sum may leave out and still be rounded in the same way."""

PAIRWISE, UNROLLED = 128, 8
"""numpy halves a sum of more numbers than the first, and adds others into so many partial sums."""


def parts_of_sum(count: int, first: int, last: int) -> list[tuple[int, int]]:
    """Return one or two slices of `count` numbers; their sums, added, are to the bit what numpy gives for all.

    Parameters
    ----------
    count
        How many numbers numpy would add.
    first, last
        The first and the last number that may differ from 0.
    """
    begin, end = _narrowed(0, count, first, last)
    if end - begin <= PAIRWISE:
        return [(begin, end)]
    half = _half(begin, end)
    return [_narrowed(begin, half, first, half - 1), _narrowed(half, end, half, last)]


def _narrowed(begin: int, end: int, first: int, last: int) -> tuple[int, int]:
    """Leave out numbers before `first` and after `last` where this changes no rounding."""
    while end - begin > PAIRWISE:
        half = _half(begin, end)
        if first < half <= last:
            return begin, end
        begin, end = (half, end) if first >= half else (begin, half)
    stop = begin + -(-(last + 1 - begin) // UNROLLED) * UNROLLED
    # Numbers at the end that fill no row of partial sums are added one by one.
    return begin + (first - begin) // UNROLLED * UNROLLED, min(stop, end)


def _half(begin: int, end: int) -> int:
    """Return the place at which numpy divides a long sum."""
    return begin + (end - begin) // 2 // UNROLLED * UNROLLED
