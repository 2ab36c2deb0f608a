"""Magnitudes of real SDSS objects against their catalogue and their own light.

    python -m benchmarks.photometry [--plot photometry.png]

Cuts the objects of `sdss/sources.csv` out of their frames, in five bands, and measures them with every default. The
catalogue has magnitudes in a 7.5-pixel aperture after a local background of its own. PSF fluxes are compared, in each
field and band, with the stars' flux in 7.5 pixels times its curve of growth to 7.4 arcsec.
"""

import argparse
import csv
import tempfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import numpy as np
import numpy.typing as npt

from benchmarks.data import Data, find_data
from benchmarks.timing import cpu_seconds, machine
from survey_batch.archive.decompress import SDSS_CEILING, decompress
from survey_batch.config.job import Job
from survey_batch.core.arrays import F8
from survey_batch.images.aperture_correction import TOTAL_RADIUS, WIDE_RING, measure_correction
from survey_batch.planning.plan import make_plan
from survey_batch.planning.stored import Rows, to_numpy
from survey_batch.stages import make_stage
from survey_batch.stages.image_features import ImageFeaturesStage
from survey_batch.surveys.sdss.files import FieldKey, read_frame

MAGNITUDES = (12.0, 16.0, 18.0, 19.0, 20.0, 21.0, 22.0)
BANDS = "ugriz"
KEY = ("run", "camcol", "field")
CORRECTION = ("aperture_correction", "aperture_correction_error", "aperture_correction_stars", "psf_fwhm")
WIDE_SIZE = 92
"""Pixels of cutouts that hold the background beyond 7.4 arcsec."""
SMALLEST_SIGNAL = 30
"""Of a star's flux in 7.5 pixels, in its error."""


def make_job(data: Data, **tables: dict[str, Any]) -> Job:
    """Make a job that keeps nothing."""
    return data.images(["cutouts", "features"], Path("unused"), frames={"keep": False}, **tables)


def cut(job: Job, first: int | None = None) -> tuple[Rows, Rows]:
    """Cut all objects, or the first ones: the plan's rows, and their cutouts."""
    table = make_plan(job).objects[:first]
    rows = {name: to_numpy(table[name]) for name in table.column_names}
    return rows, make_stage(job, "cutouts").compute(rows, {}).data


def measure(job: Job) -> tuple[Rows, Rows, dict[str, F8]]:
    """Cut all objects and measure them: rows, cutouts, and values by name."""
    rows, cutouts = cut(job)
    stage = cast("ImageFeaturesStage", make_stage(job, "features"))
    columns = stage.compute(rows, cutouts).data["value"].astype(np.float64).T
    return rows, cutouts, dict(zip((feature.name for feature in stage.features()), columns, strict=True))


def listed(path: Path, object_id: npt.NDArray[np.object_], name: str) -> F8:
    """One column of the catalogue, in the order of the objects."""
    with path.open(newline="", encoding="utf-8") as stream:
        column = {row["object_id"]: float(row[name]) for row in csv.DictReader(stream)}
    return np.array([column[one] for one in object_id])


def table(magnitude: F8, difference: F8, error: F8, lone: npt.NDArray[np.bool_]) -> list[str]:
    """Median and scatter of the differences by magnitude, of all objects and of those without neighbours."""
    lines = ["   r mag   objects          n    median   scatter   our error  [mag]"]
    for low, high in pairwise(MAGNITUDES):
        for title, chosen in (("all", np.ones_like(lone)), ("isolated", lone)):
            inside = (magnitude >= low) & (magnitude < high) & np.isfinite(difference) & chosen
            if not inside.any():
                continue
            below, median, above = np.percentile(difference[inside], [16, 50, 84])
            lines.append(
                f"  {low:g} to {high:g}  {title:9}  {inside.sum():8d}  {median:8.4f}  {(above - below) / 2:8.4f}  "
                f"{np.median(error[inside]):8.4f}"
            )
    return lines


@dataclass(frozen=True)
class Measured:
    """Features of all objects, and the same in large apertures, with what their frames say of point sources."""

    rows: Rows
    cutouts: Rows
    features: dict[str, F8]
    large: dict[str, F8]


def stars_of(measured: Measured, band: str) -> npt.NDArray[np.bool_]:
    """Find bright objects that are as wide as the stars of their frame and have no bright neighbour."""
    features, width = measured.features, measured.cutouts["psf_fwhm"][:, BANDS.index(band)]
    star = np.abs(features[f"fwhm_{band}"] / width - 1) < 0.1
    star &= features[f"flux_7.5_{band}"] > SMALLEST_SIGNAL * features[f"flux_7.5_{band}_error"]
    return np.asarray(star & ~(features["brightest_ratio"] > 0.05))


def growth(measured: Measured, band: str, chosen: npt.NDArray[np.bool_]) -> float:
    """Curve of growth from 7.5 pixels to 7.4 arcsec: the ratio of sums over some stars, after clipping at 2 %."""
    small, whole = (measured.large[f"flux_{radius:g}_{band}"][chosen] for radius in (7.5, TOTAL_RADIUS))
    ratio = whole / small
    kept = np.abs(ratio - np.nanmedian(ratio)) < 0.02
    return float(whole[kept].sum() / small[kept].sum())


def point_source_lines(measured: Measured) -> list[str]:
    """PSF flux over the light within 7.4 arcsec, without and with the correction, by field and band."""
    lines = ["field            band  fwhm  stars  on frame  correction            before     after  scatter"]
    cutouts = measured.cutouts
    field = np.array([f"{r}-{c}-{f:04d}" for r, c, f in zip(*(measured.rows[n] for n in KEY), strict=True)])
    for name in np.unique(field):
        for b, band in enumerate(BANDS):
            chosen = stars_of(measured, band) & (field == name) & (cutouts["source_field"] == measured.rows["field"])
            if not chosen.any():
                continue
            small = measured.features[f"flux_7.5_{band}"][chosen] * growth(measured, band, chosen)
            ratio = measured.features[f"psf_flux_{band}"][chosen] / small
            factor, error, stars, fwhm = (float(cutouts[part][chosen, b][0]) for part in CORRECTION)
            below, after, above = np.nanpercentile(ratio, [16, 50, 84])
            lines.append(
                f"{name:17}{band:4}{fwhm:7.2f}{chosen.sum():7d}{stars:10.0f}  {factor:.4f} +- {error:.4f}"
                f"{np.nanmedian(ratio / factor):12.4f}{after:10.4f}{(above - below) / 2:9.4f}"
            )
    return lines


def colour_lines(measured: Measured) -> list[str]:
    """Differences of stars' colours by PSF flux and by the flux in 7.5 pixels, corrected for its growth."""
    lines = ["colour     stars  by psf_flux minus by aperture  scatter  [mag]"]
    field = measured.rows["run"]
    for blue, red in pairwise(BANDS):
        parts = []
        for name in np.unique(field):
            chosen = stars_of(measured, blue) & stars_of(measured, red) & (field == name)
            if not chosen.any():
                continue
            flux = {
                band: measured.features[f"psf_flux_{band}"][chosen]
                / measured.features[f"flux_7.5_{band}"][chosen]
                / growth(measured, band, stars_of(measured, band) & (field == name))
                for band in (blue, red)
            }
            parts.append(-2.5 * np.log10(flux[blue] / flux[red]))
        below, median, above = np.nanpercentile(np.concatenate(parts), [16, 50, 84])
        lines.append(f"{blue} - {red}  {len(np.concatenate(parts)):8d}{median:30.4f}{(above - below) / 2:9.4f}")
    return lines


def correction_cost(data: Data) -> str:
    """CPU time of a frame's correction, in that of decompressing it."""
    decompressing = measuring = 0.0
    files = sorted(data.sdss.rglob("frame-*.fits.bz2"))
    for path in files:
        _, band, run, camcol, number = path.name.split(".")[0].split("-")
        raw, content = path.read_bytes(), [b""]

        def inflate(raw: bytes = raw, content: list[bytes] = content) -> None:
            content[0] = decompress(raw, SDSS_CEILING)

        decompressing += cpu_seconds(inflate)
        frame = read_frame(content[0], FieldKey(301, int(run), int(camcol), int(number)), band)
        measuring += cpu_seconds(lambda frame=frame: measure_correction(frame.image, frame.calibration))
    return (
        f"aperture correction: {1e3 * measuring / len(files):.0f} ms a frame, "
        f"{measuring / decompressing:.1%} of decompressing it"
    )


def plot(path: Path, magnitude: F8, difference: F8, error: F8, lone: npt.NDArray[np.bool_]) -> None:
    """Differences over magnitude, with the error that they should have."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for chosen, label, color in ((~lone, "with neighbours", "#B8B8B8"), (lone, "isolated", "#0072B2")):
        axes.plot(magnitude[chosen], difference[chosen], ".", color=color, label=label)
    order = np.argsort(magnitude)
    smooth = np.convolve(error[order], np.ones(51) / 51, mode="same")[25:-25]
    for sign in (-1, 1):
        axes.plot(magnitude[order][25:-25], sign * smooth, "k-", lw=1, label="our error" if sign > 0 else None)
    axes.axhline(0, color="k", lw=0.5)
    axes.set(ylim=(-0.3, 0.3), xlabel="catalogue: r magnitude in 7.5 pixels", ylabel="ours minus catalogue [mag]")
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.photometry", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="survey-batch-bench-") as folder:
        data = find_data(Path(folder))
        print(f"{machine()}\n{data.what}")
        print(correction_cost(data))
        if not data.what.startswith("real"):
            return  # the simulated catalogue has no aperture magnitudes
        wide = make_job(
            data,
            cutouts={"size": WIDE_SIZE},
            image_features={"background": WIDE_RING, "apertures": (7.5, TOTAL_RADIUS)},
        )
        rows, cutouts, features = measure(make_job(data))
        _, _, large = measure(wide)
    measured = Measured(rows, cutouts, features, large)
    print("\n".join([*point_source_lines(measured), *colour_lines(measured)]))
    magnitude = listed(data.sources, rows["object_id"], "mag_r")
    flux = np.where(features["flux_7.5_r"] > 0, features["flux_7.5_r"], np.nan)
    difference = 22.5 - 2.5 * np.log10(flux) - magnitude
    error = 2.5 / np.log(10) * features["flux_7.5_r_error"] / flux
    lone = features["neighbours"] == 0
    print("\n".join(table(magnitude, difference, error, lone)))
    if options.plot:
        plot(options.plot, magnitude, difference, np.nan_to_num(error), lone)


if __name__ == "__main__":
    main()
