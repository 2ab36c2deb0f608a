"""A catalogue alone, of any length, with the columns of SDSS SpecPhotoAll, for trying out selections."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from survey_batch.core.arrays import F8, I8

OBJECT_CLASSES = {"GALAXY": 0.5975, "QSO": 0.1886, "STAR": 0.2139}
"""Shares in a sample of 10,000 spectra of DR17."""

STARS = {"O": 3601, "B": 11734, "A": 102686, "F": 382311, "G": 84869, "K": 167869, "M": 184638}
"""Stars of DR18's SpecPhotoAll by first letter (A. Farrag, master's thesis, Radboud University, 2024, table A.6)."""
OTHER_STARS = {"WD": 28000, "CV": 3000, "Carbon": 4000, "L": 4000}
"""Other objects in the class STAR; the numbers are assumed."""

SUBCLASSES = {
    "O": ("O", "O8e (188001)", "O9.5Iae (30614)", "OB"),
    "B": ("B6", "B9", "B3II (175588)", "B8V (23324)"),
    "A": ("A0", "A0p", "A0IV (25642)", "A1V (8538)", "A4III (...)"),
    "F": ("F2", "F5", "F9", "F3/F5V (30743)", "F6III (61064)", "sdF3 (140283)"),
    "G": ("G0", "G2", "G4V (32923)", "G8IV (...)", "G5III (18474)"),
    "K": ("K1", "K3", "K5", "K7", "K3III (...)", "K5Ve (118100)"),
    "M": ("M0", "M1", "M2", "M3", "M4", "M2V (95735)", "M3III (44478)"),
    "WD": ("WD", "WDhotter", "CarbonWD"),
    "CV": ("CV",),
    "Carbon": ("Carbon", "Carbon_lines"),
    "L": ("L1", "L5.5 (2MASSJ1507-16)"),
}
"""The first is twice as frequent as each of the others."""

COLORS = {"O": -0.35, "B": -0.2, "A": 0.0, "F": 0.35, "G": 0.55, "K": 0.9, "M": 1.5, "L": 2.0}
"""Approximate g - r of the letters; others have 0.2."""

FIELD_DEGREES = (0.1497, 0.2253)
"""1361 rows along the scan and 2048 columns across it, of 0.396 arcsec."""
FIELDS_PER_SCAN = 500
BATCH = 250_000
NEAR, SAME_POSITION, SAME_ROW = 0.02, 0.01, 0.001
"""Shares of rows that are a second visit within 0.3 arcsec, a visit at the same position, and a copy of a row."""

OBJECTS_PER_FIELD = 8.0
"""Mean number; fields differ by a factor of some tens."""


def simulate_catalog(path: str | Path, *, objects: int, seed: int = 1) -> Path:
    """Write a catalogue of spectra with their photometry, batch by batch.

    Parameters
    ----------
    path
        `.parquet` or `.csv`.
    objects
        Rows.
    seed
        The same seed and number of rows give the same rows.

    Returns
    -------
    Path
        The file. Columns: specobjid, objid, ra, dec, rerun, run, camcol, field, plate, mjd, fiberid, class, subclass,
        snMedian, zWarning, z, psfMag_u … psfMag_z, sciencePrimary.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = max(1, round(objects / OBJECTS_PER_FIELD))
    writer = None
    for batch in _batches(objects, fields, seed):
        if writer is None:
            make = pacsv.CSVWriter if path.suffix == ".csv" else pq.ParquetWriter
            writer = make(str(path), batch.schema)
        writer.write_table(batch)
    if writer is not None:
        writer.close()
    return path


def _batches(objects: int, fields: int, seed: int) -> Iterator[pa.Table]:
    crowding = np.random.default_rng(seed).lognormal(0, 1, fields)
    edges = np.cumsum(crowding) / crowding.sum()
    for number, first in enumerate(range(0, objects, BATCH)):
        rng = np.random.default_rng([seed, number])
        yield _rows(rng, first, min(BATCH, objects - first), edges)


def _rows(rng: np.random.Generator, first: int, count: int, edges: F8) -> pa.Table:
    visit, star = _visits(rng, count)
    row = first + np.arange(count)
    field_index = np.searchsorted(edges, rng.random(count), side="right").clip(max=len(edges) - 1)
    ra, dec = _positions(rng, field_index)
    off = rng.uniform(-0.2, 0.2, (2, count)) / 3600 * (visit == "near")
    kind, subclass, color = _kinds(rng, count)
    columns = {
        "specobjid": 299_489_952_322_840_576 + row * 2048,
        "objid": 1_237_648_720_693_755_918 + (first + star) * 64,
        "ra": (ra[star] + off[0]) % 360,
        "dec": dec[star] + off[1],
        **_frames(field_index[star]),
        "plate": (266 + row // 640 % 12000).astype(np.int32),
        "mjd": (51600 + row // 640 % 7000).astype(np.int32),
        "fiberid": (row % 640 + 1).astype(np.int32),
        "class": kind.take(pa.array(star)),
        "subclass": subclass.take(pa.array(star)),
        "snMedian": rng.lognormal(2.5, 0.8, count).astype(np.float32),
        "zWarning": rng.choice([0, 4, 16], count, p=[0.94, 0.05, 0.01]).astype(np.int32),
        "z": rng.normal(0, 3e-4, count).astype(np.float32),
        **_magnitudes(rng, color[star]),
        "sciencePrimary": (visit == "own").astype(np.int32),
    }
    return pa.table(columns).take(pa.array(np.where(visit == "same", star, np.arange(count))))


def _visits(rng: np.random.Generator, count: int) -> tuple[npt.NDArray[np.str_], I8]:
    """Draw how each row relates to an earlier one of its batch, and the row whose star it shows (mostly its own)."""
    shares = [1 - NEAR - SAME_POSITION - SAME_ROW, NEAR, SAME_POSITION, SAME_ROW]
    visit = rng.choice(["own", "near", "position", "same"], count, p=shares)
    visit[0] = "own"
    own = np.flatnonzero(visit == "own")
    earlier = np.searchsorted(own, np.arange(count))  # rows with a star of their own before each row
    star = np.where(
        visit == "own", np.arange(count), own[(rng.random(count) * np.maximum(earlier, 1)).astype(np.int64)]
    )
    return visit, star


def _positions(rng: np.random.Generator, field_index: I8) -> tuple[F8, F8]:
    """Draw positions on the field: scans lie side by side from dec -10 degrees, fields follow each other along RA."""
    scan, along = np.divmod(field_index, FIELDS_PER_SCAN)
    across = rng.random(len(field_index))
    dec = -10 + (scan % 300 + across) * FIELD_DEGREES[1]
    step = FIELD_DEGREES[0] / np.cos(np.radians(-10 + (scan % 300 + 0.5) * FIELD_DEGREES[1]))
    ra = 120 + 100 * (scan // 300) + (along + rng.random(len(field_index))) * step
    return ra % 360, dec


def _frames(field_index: I8) -> dict[str, npt.NDArray[np.int32]]:
    scan, along = np.divmod(field_index, FIELDS_PER_SCAN)
    keys = {"rerun": np.full(len(field_index), 301), "run": 94 + scan // 6, "camcol": scan % 6 + 1, "field": 11 + along}
    return {name: values.astype(np.int32) for name, values in keys.items()}


def _kinds(rng: np.random.Generator, count: int) -> tuple[pa.Array, pa.Array, F8]:
    """Draw class, subclass and g - r of each row."""
    kinds = [("GALAXY", "", 0.8), ("GALAXY", "STARFORMING", 0.5), ("QSO", "", 0.2), ("QSO", "BROADLINE", 0.2)]
    shares = [OBJECT_CLASSES[kind] / 2 for kind, _, _ in kinds]
    stars = STARS | OTHER_STARS
    for letter, number in stars.items():
        names = SUBCLASSES[letter]
        kinds += [("STAR", name, COLORS.get(letter, 0.2)) for name in names]
        share = OBJECT_CLASSES["STAR"] * number / sum(stars.values()) / (len(names) + 1)
        shares += [2 * share] + [share] * (len(names) - 1)
    drawn = pa.array(rng.choice(len(kinds), count, p=np.array(shares) / sum(shares)))
    class_, subclass, color = zip(*kinds, strict=True)
    return pa.array(class_).take(drawn), pa.array(subclass).take(drawn), np.array(color)[drawn.to_numpy()]


def _magnitudes(rng: np.random.Generator, color: F8) -> dict[str, npt.NDArray[np.float32]]:
    """Draw PSF magnitudes along a line of colours, with a scatter of 0.05."""
    r = rng.uniform(14.5, 21, len(color))
    offsets = {"u": 2.2 * color + 0.8, "g": color, "r": 0 * color, "i": -0.4 * color, "z": -0.65 * color}
    return {
        f"psfMag_{band}": (r + offset + rng.normal(0, 0.05, len(color))).astype(np.float32)
        for band, offset in offsets.items()
    }
