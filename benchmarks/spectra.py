"""LAMOST files to `spectra.zarr`, against reading and decompressing them.

Nothing else is needed of a file than its bytes: nearly all are on our grid, and only copied.
"""

from functools import partial
from pathlib import Path
from typing import Any

from isal import igzip

from benchmarks.data import Data, link_copies, repeat_catalog
from benchmarks.pipeline import make_job, on_disk, ready
from benchmarks.rows import Row, Side
from survey_batch.config.job import Job

COPIES = 8
"""Each file is read this often, so that a run lasts longer than a second."""

AIM = 0.55


def copied(
    data: Data, stages: str | list[str], scratch: Path, rows: int | None = None, copies: int = 0, **tables: Any
) -> Job:
    """Make a job of all spectra, each listed several times in files of its own; of so many rows, if that is given."""
    copies = copies or COPIES
    catalog = repeat_catalog(data.spectra, copies, scratch / "copies.csv", separator="|", rows=rows, linked=True)
    root = scratch / "copies"
    if not root.exists():
        link_copies(data.lamost, copies, root)
    archive = {"survey": "lamost", "root": str(root)}
    return make_job(stages, archive, {"path": str(catalog), "id": "copy_id"}, scratch / "product", **tables)


def row(data: Data, scratch: Path) -> Row:
    """Set up the comparison."""
    job = copied(data, "spectra", scratch / "spectra")
    files = sorted(Path(job.archive.root).glob("*/spec-*.fits*"))
    return Row(
        "spectrum",
        len(files),
        Side(f"{len(files):,} LAMOST files to spectra.zarr", lambda: ready(job)),
        Side(
            "reading the files, and isal for packed ones",
            lambda: [partial(decompress, files[part::COPIES]) for part in range(COPIES)],
        ),
        aim=AIM,
        notes=lambda _: [on_disk(job)],
    )


def decompress(files: list[Path]) -> None:
    """Read some files, and decompress the packed ones."""
    for file in files:
        raw = file.read_bytes()
        if raw.startswith(b"\x1f\x8b"):
            igzip.decompress(raw)
