"""A small archive of files in each packing, and an `Archive` that reads it."""

import bz2
import gzip
from pathlib import Path

from survey_batch.archive.download import Archive
from tests.jobs import archive_section

FITS = b"SIMPLE  =                    T".ljust(2880) + bytes(range(256)) * 40
GZ = gzip.compress(FITS)
BZ2 = bz2.compress(FITS)


def write_archive(root: Path) -> Path:
    """Write the files below a folder."""
    (root / "sub").mkdir(parents=True)
    for name, raw in {"a.fits": FITS, "a.fits.gz": GZ, "sub/a.fits.bz2": BZ2, "odd name+#?.fits": FITS}.items():
        (root / name).write_bytes(raw)
    return root


def archive(root: object, **settings: object) -> Archive:
    """Read an archive as a job does."""
    return Archive(archive_section(survey="sdss", root=str(root), **settings))
