"""Windows around rest-frame wavelengths: where they are, and which pixels are added up for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from survey_batch.core.arrays import F8, Index
from survey_batch.spectra.grid import STEP
from survey_batch.spectra.pairwise import parts_of_sum

Span = tuple[float, float]
"""First and last pixel of a window, counted from a centre."""


@dataclass(frozen=True)
class Windows:
    """Windows around rest-frame wavelengths, and the pixels to add up for each.

    The order in which numpy adds, and so the rounding, depends on the number of pixels. Windows that belong together
    are summed as if over the same pixels, `reach` to either side of their wavelength, but those far from a window,
    which count 0, are left out wherever the others keep their places in that order. So a window has one or two parts,
    which numpy adds up before it adds their sums. Before each part is one more pixel that counts 0, as
    `numpy.add.reduceat` sets out from the first number.

    Parameters
    ----------
    centres
        Vacuum wavelengths [Angstrom], (window,).
    spans
        First and last pixel of each window, counted from its wavelength.
    reaches
        Pixels to either side over which each window is summed.
    """

    centres: F8
    spans: Sequence[Span]
    reaches: Sequence[int]

    @cached_property
    def parts(self) -> list[tuple[int, int, int]]:
        """Window, and first and last pixel from the wavelength, of each part."""
        return [
            (window, begin - reach, end - reach - 1)
            for window, (span, reach) in enumerate(zip(self.spans, self.reaches, strict=True))
            for begin, end in parts_of_sum(2 * reach + 1, int(np.floor(span[0])) + reach, int(np.ceil(span[1])) + reach)
        ]

    @cached_property
    def window_of_part(self) -> Index:
        """(part,)."""
        return np.array([window for window, *_ in self.parts])

    @cached_property
    def first(self) -> Index:
        """First pixel of each part, counted from the one next to the wavelength, with the one that counts 0."""
        return np.array([first - 1 for _, first, _ in self.parts])

    @cached_property
    def sizes(self) -> Index:
        """Number of pixels of each part."""
        return np.array([last - first + 2 for _, first, last in self.parts])

    @cached_property
    def sizes_of_windows(self) -> Index:
        """Number of pixels of each window, in all its parts."""
        return np.add.reduceat(self.sizes, self.first_part)

    @cached_property
    def begin(self) -> Index:
        """Place of the first pixel of each part among all."""
        return np.cumsum(self.sizes) - self.sizes

    @cached_property
    def first_part(self) -> Index:
        """First part of each window."""
        return np.searchsorted(self.window_of_part, np.arange(len(self.spans)))

    @cached_property
    def part(self) -> Index:
        """Part of each pixel."""
        return np.repeat(np.arange(len(self.parts)), self.sizes)

    @cached_property
    def turn(self) -> Index:
        """Number of each pixel."""
        return np.arange(self.part.size)

    def places(self, start: Index) -> Index:
        """Give each pixel its place, given that of the first pixel of each part: (object, part) to (object, pixel)."""
        place = np.repeat(start - self.begin, self.sizes, axis=1)
        place += self.turn
        return place

    def spread(self, values: F8) -> F8:
        """Give each pixel its window's value: (object, window) to (object, pixel)."""
        return np.repeat(values, self.sizes_of_windows, axis=1)

    @cached_property
    def window(self) -> Index:
        """Window of each pixel."""
        return self.window_of_part[self.part]

    @cached_property
    def offset(self) -> F8:
        """Pixels from the one next to the wavelength."""
        return np.asarray((self.first - self.begin)[self.part] + np.arange(self.part.size), np.float64)

    @cached_property
    def low(self) -> F8:
        """Begin of the window of each pixel; infinite for those that count 0."""
        low = np.array([span[0] for span in self.spans])[self.window]
        low[self.begin] = np.inf
        return low

    @cached_property
    def high(self) -> F8:
        """End of the window of each pixel."""
        return np.array([span[1] for span in self.spans])[self.window]

    @cached_property
    def extent(self) -> F8:
        """Width of each window [pixels]."""
        return np.array([last - first for first, last in self.spans])


@lru_cache
def windows_of(features: tuple[tuple[float, tuple[Span, ...]], ...]) -> tuple[Windows, ...]:
    """Return the first windows of all features, then their second ones, and so on.

    Parameters
    ----------
    features
        Vacuum wavelength [Angstrom] and windows of each; all have as many windows.
    """
    centres = np.array([centre for centre, _ in features])
    reaches = [reach_of(spans) for _, spans in features]
    return tuple(Windows(centres, spans, reaches) for spans in zip(*(spans for _, spans in features), strict=True))


def at_step(spans: Sequence[Span], step: float) -> tuple[Span, ...]:
    """Return windows in pixels of a step from those in pixels of 1e-4 dex."""
    scale = STEP / step
    return tuple((scale * first, scale * last) for first, last in spans)


def reach_of(spans: Sequence[Span]) -> int:
    """Return the pixels to either side of a wavelength that hold all of some windows."""
    return int(np.ceil(np.abs(spans).max())) + 1
