"""The order in which numpy adds, in which a sum may leave out numbers that are 0 without another rounding."""

PAIRWISE, UNROLLED = 128, 8
"""numpy halves a sum of more numbers than the first, and adds others into so many partial sums."""


def parts_of_sum(count: int, first: int, last: int) -> list[tuple[int, int]]:
    """Return one or two slices of `count` numbers whose sums, added up, are that of all if only some are not 0.

    Parameters
    ----------
    count
        How many numbers numpy would add.
    first, last
        The ones that may differ from 0.
    """
    begin, end = _narrowed(0, count, first, last)
    if end - begin <= PAIRWISE:
        return [(begin, end)]
    half = _half(begin, end)
    return [_narrowed(begin, half, first, half - 1), _narrowed(half, end, half, last)]


def _narrowed(begin: int, end: int, first: int, last: int) -> tuple[int, int]:
    """Leave out numbers before `first` and after `last` that are added up apart, or come at the end of a row."""
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
