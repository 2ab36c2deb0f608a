"""Simulates many fields of images on all cores."""

import os
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
