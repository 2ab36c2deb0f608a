"""Prints the median of each feature of real LAMOST stars per spectral type, and how fast features are measured.

python -m benchmarks.line_indices [--plot FILE.png]
"""

import argparse
import csv
import gzip
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from benchmarks.data import Data, find_data
from benchmarks.pipeline import ready, run_through
from benchmarks.spectra import copied
from benchmarks.timing import as_a_worker, cpu_seconds, machine
from survey_batch.catalog.labels import mk_class
from survey_batch.config.sections.spectra import SpectralFeaturesSection
from survey_batch.core.arrays import F4
from survey_batch.planning.plan import make_plan
from survey_batch.spectra.features import feature_names, prepare, spectral_features
from survey_batch.spectra.grid import log_grid, to_grid
from survey_batch.spectra.line_list import BANDS, LINES, RATIOS
from survey_batch.spectra.pca import PCA, Moments
from survey_batch.spectra.photometry import COLOR_NAMES
from survey_batch.stages import make_stage
from survey_batch.stages.spectral_features import SpectralFeaturesStage
from survey_batch.surveys.lamost.files import read_spectrum

LETTERS = "OBAFGKM"
MEASURED = (*(one.name for one in (*LINES, *BANDS, *RATIOS)), *COLOR_NAMES)
PLOTTED = ("h_beta", "ca_k", "lick_g4300", "lick_mg_b", "lick_na_d", "lick_tio_2", "tio5", "dn4000", "synthetic_g_r")
BEST_ERROR = 3.0
"""A value counts where its error is at most this many times the median error of its feature."""


SHARD, COPIES = 1024, 12
SWITCHES = ("lines", "indices", "colours", "blocks", "components")
GROUPS = {
    "lines": ("lines",),
    "bands and flux ratios": ("indices",),
    "colours": ("colours",),
    "blocks of the flux over its continuum": ("blocks",),
    "principal components of it": ("components",),
    "all together": SWITCHES,
}


@dataclass(frozen=True)
class Stars:
    """Spectra of stars on the grid, and the letter of each one's type."""

    wavelength: npt.NDArray[np.float64]
    flux: npt.NDArray[np.float32]
    ivar: npt.NDArray[np.float32]
    mask: npt.NDArray[np.int32]
    redshift: npt.NDArray[np.float64]
    letter: npt.NDArray[np.str_]

    def take(self, rows: npt.NDArray[np.intp]) -> "Stars":
        """Select rows."""
        flux, ivar, mask = self.flux[rows], self.ivar[rows], self.mask[rows]
        return Stars(self.wavelength, flux, ivar, mask, self.redshift[rows], self.letter[rows])


def read_stars(data: Data) -> Stars:
    """Read all spectra that the catalogue calls stars."""
    with data.spectra.open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream, delimiter="|") if row["class"] == "STAR"]
    raw = [(data.lamost / row["filename"]).read_bytes() for row in rows]
    read = [read_spectrum(gzip.decompress(one) if one.startswith(b"\x1f\x8b") else one) for one in raw]
    grid = log_grid(3699.9, 9100.0)
    redshift = np.array([float(row["z"] or "nan") for row in rows])
    class_, subclass = (pa.array([row[name] for row in rows]) for name in ("class", "subclass"))
    return Stars(grid, *to_grid(read, grid), redshift, np.array(mk_class(class_, subclass).to_pylist()))


def measure(stars: Stars) -> dict[str, npt.NDArray[np.float32]]:
    """Measure each star's lines, bands and colours; NaN where the error is far above what is usual."""
    section = SpectralFeaturesSection(blocks=0, components=0)
    columns = features_of(stars, section, None).T
    named = dict(zip(feature_names(section), columns, strict=True))
    for name in MEASURED:
        error = named[f"{name}_error"]
        named[name] = np.where(error <= BEST_ERROR * np.nanmedian(error), named[name], np.nan)
    return named


def shard_of(stars: Stars, count: int) -> Stars:
    """List the stars again and again, until they are so many."""
    return stars.take(np.arange(count) % len(stars.letter))


def components_of(stars: Stars, section: SpectralFeaturesSection) -> PCA:
    """Fit principal components to all stars."""
    return PCA.fit(Moments.of(prepare(stars.flux, stars.ivar, stars.mask, section)), section.components)


def features_of(stars: Stars, section: SpectralFeaturesSection, pca: PCA | None) -> F4:
    """Measure all stars."""
    return spectral_features(stars.wavelength, stars.flux, stars.ivar, stars.mask, stars.redshift, section, pca)


def speeds(stars: Stars) -> list[str]:
    """Measure the CPU time of each group of features and of all, on as many spectra as a shard has; best of 3."""
    shard, everything = shard_of(stars, SHARD), SpectralFeaturesSection()
    pca = components_of(stars, everything)
    lines = ["| features | number | CPU-µs per spectrum |", "|---|---|---|"]
    for name, kept in GROUPS.items():
        section = everything.model_copy(update={one: getattr(everything, one) * (one in kept) for one in SWITCHES})
        work = partial(features_of, shard, section, pca)
        work()
        seconds = min(cpu_seconds(work) for _ in range(3))
        lines.append(f"| {name} | {len(feature_names(section))} | {1e6 * seconds / SHARD:.0f} |")
    return lines


def stage_speeds(data: Data, scratch: Path) -> list[str]:
    """Measure the CPU time of the stage from Zarr to Zarr, without components, and of the sums that these need."""
    run_through(copied(data, "spectra", scratch, copies=COPIES))
    job = copied(data, ["spectra", "features"], scratch, copies=COPIES, spectral_features={"components": 0})
    first, *others, check = ready(job)
    first()
    shards = make_plan(job).shards("object")
    seconds = sum(cpu_seconds(work) for work in others) / sum(len(shard) for shard in shards[1:])
    stage = cast("SpectralFeaturesStage", make_stage(job, "features"))

    def sum_up() -> None:
        stage.fit_part(shards[:1])

    sum_up()
    sums = min(cpu_seconds(sum_up) for _ in range(3)) / len(shards[0])
    check()
    return [
        f"| the stage without components, from Zarr to Zarr | | {1e6 * seconds:.0f} |",
        f"| reading, preparing and summing up, of each spectrum that components are fitted to | | {1e6 * sums:.0f} |",
    ]


def table(named: dict[str, npt.NDArray[np.float32]], letters: npt.NDArray[np.str_]) -> list[str]:
    """Medians per type, with the number of stars that they are of."""
    types = [letter for letter in LETTERS if np.sum(letters == letter) >= 5]
    lines = [" " * 18 + "".join(f"{f'{one} ({np.sum(letters == one)})':>14}" for one in types)]
    for name in MEASURED:
        cells = []
        for letter in types:
            known = named[name][(letters == letter) & np.isfinite(named[name])]
            cells.append(f"{np.median(known):9.3f}{f'({len(known)})':>5}" if len(known) >= 5 else f"{'-':>14}")
        lines.append(f"{name:18}" + "".join(cells))
    return lines


def plot(named: dict[str, npt.NDArray[np.float32]], letters: npt.NDArray[np.str_], path: Path) -> None:
    """Draw each type's values and median of some features."""
    from matplotlib.figure import Figure

    types = [letter for letter in LETTERS if np.sum(letters == letter) >= 5]
    figure = Figure((10, 8), layout="constrained")
    for axes, name in zip(figure.subplots(3, 3).flat, PLOTTED, strict=True):
        for index, letter in enumerate(types):
            known = named[name][(letters == letter) & np.isfinite(named[name])]
            spread = np.linspace(-0.3, 0.3, max(len(known), 1))[: len(known)]
            axes.plot(index + spread, known, ".", markersize=2, color="#7a8794")
            axes.plot(
                [index - 0.35, index + 0.35], [np.median(known)] * 2 if len(known) else [np.nan] * 2, color="#b3261e"
            )
        axes.set_xticks(range(len(types)), types)
        axes.set_title(name, fontsize=9)
        finite = named[name][np.isfinite(named[name])]
        axes.set_ylim(
            *np.percentile(finite, [0.5, 99.5]) + np.array([-0.1, 0.1]) * np.ptp(np.percentile(finite, [1, 99]))
        )
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, print and, if asked for, plot."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.line_indices")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    as_a_worker("benchmarks.line_indices")
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        data = find_data(Path(folder))
        stars = read_stars(data)
        stage = stage_speeds(data, Path(folder))
    print(f"{machine()}\n{data.what}: {len(stars.letter)} stars\n")
    named = measure(stars)
    print("\n".join(table(named, stars.letter)))
    print("", *speeds(stars), *stage, sep="\n")
    if options.plot:
        plot(named, stars.letter, options.plot)


if __name__ == "__main__":
    main()
