"""LAMOST files to `spectra.zarr`, against reading and decompressing them.

Nothing else is needed of a file than its bytes: nearly all are on our grid, and only copied.
"""

from functools import partial
from pathlib import Path

from isal import igzip

from benchmarks.data import Data, link_copies, repeat_catalog
from benchmarks.pipeline import make_job, ready, stored_share
from benchmarks.timing import Row

COPIES = 8
"""Each file is read this often, so that a run lasts longer than a second."""

AIM = 0.55


def row(data: Data, scratch: Path) -> Row:
    """Set up the comparison."""
    catalog = repeat_catalog(data.spectra, COPIES, scratch / "lamost-copies.csv", separator="|", linked=True)
    root = link_copies(data.lamost, COPIES, scratch / "lamost-copies")
    job = make_job(
        "spectra",
        {"survey": "lamost", "root": str(root)},
        {"path": str(catalog), "id": "copy_id"},
        scratch / "spectra",
    )
    files = sorted(root.glob("*/spec-*.fits*"))

    return Row(
        f"{len(files)} LAMOST files to spectra.zarr; floor: reading them, and isal",
        "spectra",
        len(files),
        [partial(decompress, files[part::COPIES]) for part in range(COPIES)],
        lambda: ready(job),
        AIM,
        lambda: stored_share(job),
    )


def decompress(files: list[Path]) -> None:
    """Read some files, and decompress the packed ones."""
    for file in files:
        raw = file.read_bytes()
        if raw.startswith(b"\x1f\x8b"):
            igzip.decompress(raw)
