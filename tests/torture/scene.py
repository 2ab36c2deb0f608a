"""Two small jobs, what an undisturbed run makes of them, and the judgement of a disturbed one."""

import bz2
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import xarray as xr

from survey_batch.config.job import Job
from survey_batch.execution.runner import run
from survey_batch.simulate import simulate_lamost, simulate_sdss
from survey_batch.training.train import train
from tests.compare import equal_bits
from tests.jobs import lamost_job, sdss_job
from tests.processes import complete

SPECTRA, IMAGES = "spectra", "images"
STAGES = {
    SPECTRA: ("spectra", "features", "predictions"),
    IMAGES: ("frames", "cutouts", "composites", "features"),
}
CLUSTER = {"kind": "local", "workers": 2, "memory": "2 GB"}
NOISE = ("Traceback", "distributed.", "Task exception", "never retrieved", "leaked", "CommClosed")
"""What a user must never see."""


@dataclass
class Verdict:
    """What a disturbed run came to, beside the undisturbed one.

    Attributes
    ----------
    lost
        Objects that have no row, or a row that is still pending.
    wrong
        Rows with another status than in the undisturbed run.
    differs
        Arrays that are not the same to the last bit, or other records that differ.
    left
        Files in the output that an undisturbed run does not leave.
    """

    lost: int = 0
    wrong: int = 0
    differs: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        return not self.lost and not self.wrong and not self.differs


@dataclass(frozen=True)
class Scene:
    """A job on an archive with a missing and a damaged file."""

    name: str
    folder: Path
    make: Callable[..., Job]

    def job(self, output: Path | str, **tables: Any) -> Job:
        """The job with another output, and other tables."""
        return self.make(output, cluster=tables.pop("cluster", CLUSTER), **tables)

    @property
    def undisturbed(self) -> Path:
        return self.folder / "undisturbed"

    def judge(self, output: Path | str) -> Verdict:
        """Compare an output with the undisturbed one."""
        verdict, differs = Verdict(), []
        objects = None
        for stage in STAGES[self.name]:
            a, b = (
                xr.open_zarr(f"{folder}/{stage}.zarr", mask_and_scale=False, chunks=None).load()
                for folder in (self.undisturbed, output)
            )
            if "object_id" in a:
                objects, found = set(a.object_id.values.tolist()), set(b.object_id.values.tolist())
                verdict.lost = max(verdict.lost, len(objects - found), int((b.status == 0).sum()))
            verdict.wrong += int((a.status.values != b.status.values).sum())
            names = set(a.variables) | set(b.variables)
            differs += [
                f"{stage}/{name}"
                for name in sorted(map(str, names))
                if name not in a.variables or name not in b.variables or not equal_bits(a[name].values, b[name].values)
            ]
        if problems(self.undisturbed) != problems(output):
            differs.append("problems.parquet")
        accounts = [json.loads(Path(folder, "run.json").read_text())["counts"] for folder in (self.undisturbed, output)]
        if accounts[0] != accounts[1]:
            differs.append(f"run.json: {accounts}")
        verdict.differs = tuple(differs)
        verdict.left = tuple(sorted(files(output) - files(self.undisturbed)))
        return verdict


def problems(output: Path | str) -> list[dict[str, Any]]:
    """All that is noted of each row, but when."""
    notes = pq.read_table(Path(output, "problems.parquet")).drop_columns(["time"]).to_pylist()
    return sorted(notes, key=str)


def files(output: Path | str) -> set[str]:
    """The files of an output, but for its logs, which each run names anew."""
    return {
        str(path.relative_to(output))
        for path in Path(output).rglob("*")
        if path.is_file() and path.parent.name != "log"
    }


def gap(output: Path | str, times: list[float]) -> float:
    """The longest time from a strike to the next file that was written into a product."""
    written = np.sort([path.stat().st_mtime for path in Path(output).glob("*.zarr/**/*") if path.is_file()])
    after = [written[np.searchsorted(written, time)] - time for time in times if time < written[-1]]
    return round(max(after, default=0.0), 2)


def make_scenes(folder: Path) -> dict[str, Scene]:
    """Make both archives, a classifier, and the undisturbed runs."""
    scenes = {}
    for name, prepare in ((SPECTRA, _spectra), (IMAGES, _images)):
        here = folder / name
        scenes[name] = scene = Scene(name, here, prepare(here))
        if not (scene.undisturbed / "run.json").exists():
            complete(scene.job(scene.undisturbed), here / "messages")
    return scenes


def _spectra(folder: Path) -> Callable[..., Job]:
    root, model = folder / "archive", str(folder / "model")

    def make(output: Path | str, **tables: Any) -> Job:
        archive = {"survey": "lamost", "root": str(root), **tables.pop("archive", {})}
        catalog = {"path": str(root / "catalog.csv"), "label": "spectral_type", "split": {"train": 0.7, "test": 0.3}}
        settings = {
            # A short range of wavelengths: fitting components to the whole one takes longer than the rest.
            "spectra": {"wavelength_min": 4000, "wavelength_max": 5000},
            "train": {"classifier": model, "variant": "forest", "trees": 10},
            "predictions": {"classifier": model, "batch": 16},
            "shards": {"objects": 4},
        }
        stages = tables.pop("stages", STAGES[SPECTRA])
        return lamost_job({"catalog": catalog, "archive": archive}, output, stages, **{**settings, **tables})

    if not root.exists():
        simulate_lamost(root, objects=48, seed=3)
        damage(sorted(root.glob("*.fits*")))
        first = make(folder / "for-training", stages=("spectra", "predictions"), cluster=CLUSTER)
        run(first.model_copy(update={"stages": ("spectra",)}))
        train(first)
    return make


def _images(folder: Path) -> Callable[..., Job]:
    root = folder / "archive"

    def make(output: Path | str, **tables: Any) -> Job:
        return sdss_job(
            root / "sources.csv",
            tables.pop("archive", {}).get("root", root),
            output,
            **{
                "stages": STAGES[IMAGES],
                "frames": {"bands": "gri"},
                "shards": {"objects": 8},
                **tables,
            },
        )

    if not root.exists():
        simulate_sdss(root, fields=3, objects=48, seed=3, bands="gri")
        for path in root.rglob("*.bz2"):  # decompressing takes longer than the rest
            path.with_suffix("").write_bytes(bz2.decompress(path.read_bytes()))
            path.unlink()
        damage(sorted(root.rglob("*frame-i*")))
    return make


def damage(paths: list[Path]) -> None:
    """Delete one file and cut another short, so that there are statuses to get wrong."""
    paths[1].unlink()
    paths[-1].write_bytes(paths[-1].read_bytes()[:1000])
