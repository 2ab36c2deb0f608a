"""Simulates many fields of images on all cores, and links them again and again for objects that lie far apart."""

import csv
import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from shutil import rmtree

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


def link_fields(root: Path, target: Path, objects: int) -> Path:
    """Make an archive with one object to a field, whose fields are links to those of another; return its catalogue.

    The copies of a strip are numbered so that a field is missing between one and the next: no cutout reaches from one
    copy into another.
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
        for number in range(objects):
            copy, which = divmod(number, len(by_field))
            (camcol, field), rows = list(by_field.items())[which]
            link_field(root, target, camcol, field, field + copy * step)
            row = rows[(copy * 37 + which) % len(rows)]
            writer.writerow({**row, "objid": number + 1, "field": field + copy * step})
    return catalog


def link_field(root: Path, target: Path, camcol: str, field: int, new: int) -> None:
    """Link the frames of one field under another number."""
    folder = target / FRAMES / camcol
    folder.mkdir(parents=True, exist_ok=True)
    for path in (root / FRAMES / camcol).glob(f"frame-*-{field:04d}.fits*"):
        (folder / path.name.replace(f"-{field:04d}.", f"-{new:04d}.")).symlink_to(path.absolute())
