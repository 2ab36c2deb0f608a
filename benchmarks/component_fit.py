"""Compares principal components fitted to samples of spectra with those fitted to all of them.

    python -m benchmarks.component_fit [--spectra 40000] [--sizes 2500 5000 10000 20000]

Spectra of stars, galaxies and quasars are simulated, as many of each class, and the samples are nested. For each size
this prints the CPU-seconds of the sums; the largest angle between the spaces of the leading 5, 10 and 20 components and
those of all spectra; and how much larger the part of 500 other, bright spectra is that 20 components do not hold.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
from scipy.linalg import subspace_angles

from benchmarks.timing import as_a_worker, machine
from survey_batch.config.sections.spectra import SpectralFeaturesSection, SpectraSection
from survey_batch.core.arrays import F4
from survey_batch.core.threads import one_thread
from survey_batch.spectra.features import prepare
from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.pca import PCA, Moments
from survey_batch.spectra.synthetic.examples import simulate_examples

CLASSES = ("STAR", "GALAXY", "QSO")
PORTION = 500
"""Spectra that are simulated, prepared and summed up at a time; sizes are multiples of it."""

SNR, BRIGHT = (5.0, 100.0), (50.0, 100.0)
"""Signal to noise of the spectra, and of those on which the components are tried."""

LEADING = (5, 10, 20)


def main() -> None:
    """Run what was asked for, with one thread for BLAS."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.component_fit", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--spectra", type=int, default=40_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2_500, 5_000, 10_000, 20_000])
    options = parser.parse_args()
    as_a_worker("benchmarks.component_fit")
    print(f"{machine()}\n{options.spectra:,} simulated spectra\n", flush=True)
    with one_thread():
        compare(options.spectra, sorted(options.sizes))


def compare(count: int, sizes: list[int]) -> None:
    """Fit to nested samples and to all, and print a line for each."""
    kept = {size: (sums, spent) for size, sums, spent in growing(count) if size in sizes or size == count}
    fits = {size: PCA.fit(sums, LEADING[-1]) for size, (sums, _) in kept.items()}
    tested = next(prepared(2, BRIGHT))
    for size, pca in fits.items():
        tell(f"{size:,}", pca, fits[count], tested, kept[size][1])


def growing(count: int) -> Iterator[tuple[int, Moments, float]]:
    """Yield the number of spectra so far, their sums, and the CPU-seconds of the sums."""
    whole, spent, done = None, 0.0, 0
    for rows in prepared(1, SNR):
        begun = time.process_time()
        part = Moments.of(rows)
        whole = part if whole is None else whole.merge(part)
        spent, done = spent + time.process_time() - begun, done + len(rows)
        yield done, whole, spent
        if done >= count:
            return


def prepared(seed: int, snr: tuple[float, float]) -> Iterator[F4]:
    """Simulate and prepare portion after portion."""
    spectra, section = SpectraSection(), SpectralFeaturesSection()
    wavelength = log_grid(spectra.wavelength_min, spectra.wavelength_max)
    number = 0
    while True:
        each = dict(zip(CLASSES, np.diff(np.linspace(0, PORTION, 4).astype(int)).tolist(), strict=True))
        block, _ = simulate_examples(each, wavelength, seed=seed * 10**6 + number, snr=snr)
        yield prepare(block["flux"], block["ivar"], block["mask"], section)
        number += 1


def tell(name: str, pca: PCA, best: PCA, tested: F4, seconds: float) -> None:
    """Print what a fit costs, and how near it is to the best one."""
    angles = [np.degrees(subspace_angles(pca.components[:k].T, best.components[:k].T).max()) for k in LEADING]
    more = unheld(pca, tested) / unheld(best, tested) - 1
    print(
        f"{name:>7}: sums {seconds:.1f} CPU-s; angles {', '.join(f'{angle:.1f}' for angle in angles)} degrees; "
        f"not held {100 * more:+.2f} %",
        flush=True,
    )


def unheld(pca: PCA, rows: F4) -> float:
    """Return the mean square of what the components do not hold of some spectra."""
    finite = rows[np.isfinite(rows).all(axis=1)]
    return float(np.mean((finite - pca.mean - pca.transform(finite) @ pca.components) ** 2))


if __name__ == "__main__":
    main()
