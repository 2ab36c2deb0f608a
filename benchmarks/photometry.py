"""Aperture magnitudes and sizes of real SDSS objects against their catalogue, and how fast objects are measured.

    python -m benchmarks.photometry [--plot photometry.png]

Cuts the objects of `sdss/sources.csv` out of their frames, in five bands, and measures them with every default. The
catalogue has magnitudes in a 7.5-pixel aperture after a local background of its own.
"""

import argparse
import csv
import tempfile
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt

from benchmarks.data import Data, find_data
from benchmarks.timing import cpu_seconds, machine
from survey_batch.job import Job
from survey_batch.plan import Rows, make_plan, to_numpy
from survey_batch.stages.cutouts import CutoutsStage
from survey_batch.stages.image_features import ImageFeaturesStage

F8 = npt.NDArray[np.float64]

MAGNITUDES = (12.0, 16.0, 18.0, 19.0, 20.0, 21.0, 22.0)
ROUNDS = 3


def make_job(data: Data) -> Job:
    """Make a job that keeps nothing."""
    return Job.model_validate(
        {
            "name": "photometry",
            "output": "unused",
            "stages": ["cutouts", "features"],
            "catalog": {"path": str(data.sources)},
            "archive": {"survey": "sdss", "root": str(data.sdss)},
            "frames": {"keep": False},
        }
    )


def cut(job: Job) -> tuple[Rows, Rows]:
    """Cut all objects: the plan's rows, and their cutouts."""
    table = make_plan(job).objects
    rows = {name: to_numpy(table[name]) for name in table.column_names}
    return rows, CutoutsStage(job).compute(rows, {}).data


def measure(stage: ImageFeaturesStage, rows: Rows, cutouts: Rows) -> tuple[dict[str, F8], float]:
    """Measure them: values by name, and objects per CPU-second (the best of some rounds)."""
    value: list[npt.NDArray[np.float32]] = []
    seconds = min(cpu_seconds(lambda: value.append(stage.compute(rows, cutouts).data["value"])) for _ in range(ROUNDS))
    columns = value[-1].astype(np.float64).T
    return dict(zip(stage.features(), columns, strict=True)), len(value[-1]) / seconds


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
        job = make_job(data)
        rows, cutouts = cut(job)
        features, speed = measure(ImageFeaturesStage(job), rows, cutouts)
    print(f"{machine()}\n{data.what}\n{speed:,.0f} objects in five bands per CPU-second")
    if not data.what.startswith("real"):
        return  # the simulated catalogue has no aperture magnitudes
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
