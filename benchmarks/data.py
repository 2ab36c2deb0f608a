"""What the benchmarks read: real survey files where there are some, else simulated ones."""

import csv
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.pipeline import make_job
from survey_batch.config.job import Job
from survey_batch.simulate import simulate_lamost, simulate_sdss

BESIDE_THE_CHECKOUT = Path(__file__).parents[2] / "shared" / "data"

FIELDS, OBJECTS, SPECTRA = 5, 878, 312
"""As many simulated ones as there are real ones."""


@dataclass(frozen=True)
class Data:
    """The archives and their catalogues.

    Attributes
    ----------
    what : str
        Says whether the files are real.
    sdss, lamost : Path
        Roots of the archives; that of LAMOST is flat.
    sources, spectra : Path
        Their catalogues.
    bands : str
        Bands of the frames.
    """

    what: str
    sdss: Path
    lamost: Path
    sources: Path
    spectra: Path
    bands: str = "ugriz"

    def images(self, stages: str | list[str], output: Path, **tables: Any) -> Job:
        """Make a job of images with one stage, or several, and every default but the bands."""
        frames = {"bands": self.bands, **tables.pop("frames", {})}
        archive = {"survey": "sdss", "root": str(self.sdss)}
        return make_job(stages, archive, {"path": str(self.sources)}, output, frames=frames, **tables)


def of_fields(data: Data, count: int, target: Path) -> Data:
    """List the objects of the first few fields alone, in a catalogue at `target`."""
    with data.sources.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    keys = [tuple(int(row[name]) for name in ("run", "camcol", "field")) for row in rows]
    kept = sorted(set(keys))[:count]
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(row for row, key in zip(rows, keys, strict=True) if key in kept)
    return replace(data, sources=target)


def find_data(scratch: Path) -> Data:
    """Take the real data of SURVEY_BATCH_DATA, or beside the checkout; simulate into `scratch` where there is none."""
    folder = Path(os.environ.get("SURVEY_BATCH_DATA", BESIDE_THE_CHECKOUT))
    if (folder / "sdss" / "sources.csv").is_file() and (folder / "lamost" / "catalog.csv").is_file():
        return Data(
            "real SDSS frames and LAMOST spectra",
            sdss=folder / "sdss",
            lamost=folder / "lamost" / "spectra",
            sources=folder / "sdss" / "sources.csv",
            spectra=folder / "lamost" / "catalog.csv",
        )
    sources = simulate_sdss(scratch / "sdss", fields=FIELDS, objects=OBJECTS, seed=1)
    spectra = simulate_lamost(scratch / "lamost", objects=SPECTRA, seed=1)
    return Data("SIMULATED files: no real ones were found", sources.parent, spectra.parent, sources, spectra)


def repeat_catalog(
    catalog: Path, copies: int, target: Path, *, separator: str, rows: int | None = None, linked: bool = False
) -> Path:
    """List a catalogue's objects several times, each under an identifier of its own in the column `copy_id`.

    Each copy of a LAMOST catalogue gets a night of its own: objects are ordered by it, and copies that lie side by
    side would compress as no real spectra do. If `linked`, each copy's files are in a folder of its own, as
    `link_copies` makes them: rows of one file would be read together.
    """
    with catalog.open(newline="", encoding="utf-8") as stream:
        objects = list(csv.DictReader(stream, delimiter=separator))
    repeated = [
        {
            **one,
            "copy_id": f"{copy}-{row}",
            "obsdate": f"{2011 + copy}-01-01",
            **({"filename": f"{copy}/{one['filename']}"} if linked else {}),
        }
        for copy in range(copies)
        for row, one in enumerate(objects)
    ]
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, ["copy_id", *objects[0]], delimiter=separator, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(repeated[:rows])
    return target


def link_copies(root: Path, copies: int, target: Path) -> Path:
    """Make a root in which the same files are in several folders, numbered from 0."""
    target.mkdir(parents=True, exist_ok=True)
    for copy in range(copies):
        (target / str(copy)).symlink_to(root.absolute(), target_is_directory=True)
    return target
