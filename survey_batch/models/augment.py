"""Augmentation of training examples, as new spectra would differ: shifted, noisier, or between two stars.

Only the training rows of a fold are passed in, so augmented copies never reach validation or test.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8

MOST_COPIES = 5
"""Most copies of one row in an epoch: with more, the network would memorise these few spectra."""


@dataclass(frozen=True)
class Augmentation:
    """The amounts of augmentation.

    Parameters
    ----------
    shift
        Standard deviation of the shift along wavelength, in bins: radial velocity and wavelength calibration.
    noise
        Range of the noise's standard deviation, log10, as a share of the continuum per bin.
    mixing
        Parameter of the Beta distribution from which the share of a second spectrum is drawn (mixup, Zhang
        et al. 2018, arXiv 1710.09412); 0 means no mixing.
    neighbour
        Weight of each neighbouring class in a label, relative to 1 for its own class: the archive's own letters differ
        between two visits in 9 % of pairs.
    least_share
        Minimum share of each class in an epoch, limited by `MOST_COPIES` of each of its rows.
    """

    shift: float = 0.1
    noise: tuple[float, float] = (-3.0, -1.7)
    mixing: float = 0.0
    neighbour: float = 0.1
    least_share: float = 0.1


def soft_labels(labels: npt.NDArray[np.intp], classes: int, ordered: int, neighbour: float) -> F4:
    """Make labels, (object, class), that give neighbours among the first `ordered` classes some weight."""
    index = np.arange(classes)
    adjacent = (np.abs(index[:, None] - index) == 1) & (index[:, None] < ordered) & (index < ordered)
    table = np.eye(classes) + neighbour * adjacent
    return np.asarray((table / table.sum(axis=1, keepdims=True))[labels], dtype=np.float32)


def rows_of_epoch(labels: F4, least_share: float) -> npt.NDArray[np.intp]:
    """Choose the rows of an epoch: all rows, with those of rare classes repeated (up to `MOST_COPIES` times)."""
    number = labels.argmax(axis=1)
    count = np.bincount(number, minlength=labels.shape[1])
    wanted = np.rint(least_share * len(labels) / np.maximum(count, 1)).astype(int)
    return np.repeat(np.arange(len(labels)), np.clip(wanted, 1, MOST_COPIES)[number])


def augmented(inputs: F4, labels: F4, how: Augmentation, random: np.random.Generator) -> tuple[F4, F4]:
    """Make one augmented copy of each row, (object, bin, width), with its label, (object, class)."""
    rows, bins, _ = inputs.shape
    values = shifted(inputs, random.normal(0, how.shift, size=(rows,)))
    if how.mixing:
        share = random.beta(how.mixing, how.mixing, rows)
        # Each row keeps at least half of itself, so that every star is seen in every epoch.
        share = np.maximum(share, 1 - share)[:, None]
        partner = random.permutation(rows)
        values = share[..., None] * values + (1 - share[..., None]) * values[partner]
        labels = (share * labels + (1 - share) * labels[partner]).astype(np.float32)
    sigma = 10 ** random.uniform(*how.noise, size=(rows, 1, 1))
    # The noise is the same for all widths of the continuum, because the spectrum is the same.
    values += random.normal(size=(rows, bins, 1)) * sigma
    return values.astype(np.float32), labels


def shifted(inputs: F4, shift: F8) -> F8:
    """Shift each row (object, bin, width) by a fraction of a bin, with linear interpolation; ends are repeated."""
    bins = inputs.shape[1]
    position = np.clip(np.arange(bins) + shift[:, None], 0, bins - 1)[..., None]
    left = np.minimum(position.astype(np.intp), bins - 2)
    part = position - left
    below, above = (np.take_along_axis(inputs, index, axis=1) for index in (left, left + 1))
    return np.asarray((1 - part) * below + part * above, dtype=np.float64)
