"""Simulates many fields of images on all cores, and copies them for objects that lie far apart."""

import bz2
import csv
import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from io import BytesIO
from itertools import islice
from pathlib import Path
from shutil import rmtree

import numpy as np
from astropy.io import fits

from survey_batch.simulate import simulate_sdss

FRAMES = Path("eboss", "photoObj", "frames", "301", "9001")
CAMCOLS = 6


def simulate_fields(root: Path, objects: int, per_field: int) -> Path:
    """Make an archive of one strip for each core, six at most, and the catalogue of all of them."""
    strips = min(os.cpu_count() or 1, CAMCOLS)
    fields = -(-objects // (per_field * strips))
    camcols = range(1, strips + 1)
    with ProcessPoolExecutor(strips) as processes:
        parts = list(processes.map(partial(simulate_strip, root, fields, per_field), camcols))
    (root / FRAMES).mkdir(parents=True)
    header = ""
    for camcol, part in zip(camcols, parts, strict=True):
        (part / FRAMES / str(camcol)).rename(root / FRAMES / str(camcol))
        header, _, rows = (part / "sources.csv").read_text(encoding="utf-8").partition("\n")
        with (root / "sources.part").open("a", encoding="utf-8") as stream:
            stream.write(rows)
        rmtree(part)
    catalog = root / "sources.csv"
    catalog.write_text(f"{header}\n{(root / 'sources.part').read_text(encoding='utf-8')}", encoding="utf-8")
    return catalog


def simulate_strip(root: Path, fields: int, per_field: int, camcol: int) -> Path:
    """Make one strip in a folder of its own: its catalogue has the same name as that of every other."""
    part = root / f"strip-{camcol}"
    simulate_sdss(part, fields=fields, objects=fields * per_field, seed=camcol, camcol=camcol)
    return part


def copy_fields(root: Path, target: Path, objects: int, most: int) -> Path:
    """Make an archive with one object to a field, by copies of some fields of another; return its catalogue.

    Their files tell the new numbers. The copies of a strip are numbered so that a field is missing between one and the
    next: no cutout reaches from one copy into another.
    """
    by_field = defaultdict(list)
    with (root / "sources.csv").open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            by_field[row["camcol"], int(row["field"])].append(row)
    numbers = [number for _, number in by_field]
    step = max(numbers) - min(numbers) + 2
    target.mkdir(parents=True)
    catalog = target / "sources.csv"
    with catalog.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, next(iter(by_field.values()))[0])
        writer.writeheader()
        for which, ((camcol, field), rows) in enumerate(islice(by_field.items(), most)):
            objids = range(which + 1, objects + 1, min(most, len(by_field)))
            copies = [field + copy * step for copy in range(len(objids))]
            copy_field(root / FRAMES / camcol, target / FRAMES / camcol, field, copies)
            for copy, (objid, number) in enumerate(zip(objids, copies, strict=True)):
                row = rows[(copy * 37 + which) % len(rows)]
                writer.writerow({**row, "objid": objid, "field": number})
    return catalog


def copy_field(folder: Path, target: Path, field: int, copies: list[int]) -> None:
    """Copy the frames of one field under other numbers; only the table that tells the field is compressed anew."""
    target.mkdir(parents=True, exist_ok=True)
    for path in folder.glob(f"frame-*-{field:04d}.fits.bz2"):
        content = bytearray(bz2.decompress(path.read_bytes()))
        with fits.open(BytesIO(content)) as units:
            table, place = units[-1], units[-1].fileinfo()
            dtype, offset = table.data.dtype.fields["FIELD"][:2]
        pixels = bz2.compress(content[: place["hdrLoc"]])
        for number in copies:
            told = slice(place["datLoc"] + offset, place["datLoc"] + offset + dtype.itemsize)
            content[told] = np.array(number, dtype).tobytes()
            name = path.name.replace(f"-{field:04d}.", f"-{number:04d}.")
            (target / name).write_bytes(pixels + bz2.compress(content[place["hdrLoc"] :]))
