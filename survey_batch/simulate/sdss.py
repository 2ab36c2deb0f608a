"""A simulated SDSS imaging archive and the catalogue of its objects."""

import csv
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from survey_batch.core.errors import ConfigurationError
from survey_batch.simulate.frames import frame_bytes
from survey_batch.simulate.pixels import BANDS, frame_pixels
from survey_batch.simulate.sky import Population, draw_population
from survey_batch.simulate.strip import NODE, PIXEL, Strip
from survey_batch.surveys.sdss.files import FRAME_SHAPE, OVERLAP_ROWS, FieldKey, frame_path

logger = logging.getLogger(__name__)

RERUN = 301
SKY_VERSION = 1
COLUMNS = ("objid", "ra", "dec", "u", "g", "r", "i", "z", "run", "rerun", "camcol", "field", "class", "subclass")
FIELD_COLUMNS = ("run", "rerun", "camcol", "field", "mu_start", "mu_end", "nu_start", "nu_end", "node", "incl", "score")

_DAMAGE = ({"ra": "-9999", "dec": "-9999"}, {"ra": ""}, {"field": ""}, {"dec": "91.5"}, {"run": "-1"})
"""Ways to make a catalogue row invalid: bad coordinates, or no key of a frame."""


def simulate_sdss(
    root: Path,
    *,
    fields: int = 4,
    objects: int = 400,
    seed: int = 1,
    bands: str = "ugriz",
    run: int = 9001,
    camcol: int = 3,
    first_field: int = 100,
    shape: tuple[int, int] = FRAME_SHAPE,
    invalid: int = 0,
) -> Path:
    """Write frames of one drift scan and a catalogue of the objects in them.

    Fields overlap by 128 rows, with the same pixels except for each frame's own sky. As in real frames, the bands are
    offset from each other by some pixels, and their WCS include it. Memory does not grow with the number of fields.

    Parameters
    ----------
    root
        Folder that becomes the archive's root; frames go to `eboss/photoObj/frames/301/<run>/<camcol>/`.
    fields, objects
        Numbers of fields, and of objects in all of them together.
    seed
        The same arguments give the same bytes.
    bands
        Some of u, g, r, i, z.
    run, camcol, first_field
        The scan and its first field.
    shape
        Rows and columns of a frame: more than 128 rows. Real frames have (1489, 2048).
    invalid
        Number of unusable rows added to the catalogue: bad coordinates, no frame.

    Returns
    -------
    Path
        The catalogue, `<root>/sources.csv`, with the columns of a CasJobs export; beside it, `fields.csv` lists the
        fields as SDSS's `window_flist.fits` does.

    Raises
    ------
    ConfigurationError
        An argument makes no sense.
    """
    strip = Strip(RERUN, run, camcol, first_field, fields, shape)
    _check(strip, objects, seed, bands, invalid)
    population = draw_population(strip, objects, seed)
    for field in strip.field_numbers:
        for band in bands:
            path = root / frame_path(FieldKey(RERUN, run, camcol, field), band)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(frame_bytes(strip, field, band, frame_pixels(strip, population, field, band, seed)))
        logger.info("simulated field %d-%d-%04d", run, camcol, field)
    _write_table(root / "fields.csv", FIELD_COLUMNS, _fields(strip))
    return _write_table(root / "sources.csv", COLUMNS, _with_invalid(_rows(strip, population), invalid, seed))


def _check(strip: Strip, objects: int, seed: int, bands: str, invalid: int) -> None:
    first, last = strip.first_field, strip.first_field + strip.fields - 1
    rows, columns = strip.shape
    problems = {
        "objects, invalid and seed must be 0 or more": min(objects, invalid, seed) < 0,
        f"bands must be some of {BANDS}, each once": not bands
        or len(set(bands)) < len(bands)
        or set(bands) - set(BANDS),
        "camcol must be 1 to 6": not 1 <= strip.camcol <= 6,
        # An identifier has 16 bits for the run and 12 for the field.
        "run must be 1 to 65535": not 1 <= strip.run < 1 << 16,
        "fields must be 1 or more, from a first_field of 0 to 4095 at the most": not 0 <= first <= last < 1 << 12,
        f"shape must have more than {OVERLAP_ROWS} rows and a column": rows <= OVERLAP_ROWS or columns < 1,
    }
    if wrong := [text for text, is_wrong in problems.items() if is_wrong]:
        raise ConfigurationError(f"simulate_sdss: {'; '.join(wrong)}")


def _rows(strip: Strip, population: Population) -> list[dict[str, str]]:
    ra, dec = strip.sky(population.row, population.column)
    field = strip.primary_field(population.row)
    seen: dict[int, int] = {}
    rows = []
    for i in range(len(population)):
        number = seen[int(field[i])] = seen.get(int(field[i]), 0) + 1
        values = [object_id(strip, int(field[i]), number), f"{ra[i]:.10f}", f"{dec[i]:.10f}"]
        values += [f"{magnitude:.5f}" for magnitude in population.magnitude[i]]
        values += [str(value) for value in (strip.run, strip.rerun, strip.camcol, field[i])]
        values += ["GALAXY" if population.galaxy[i] else "STAR", str(population.subclass[i])]
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def object_id(strip: Strip, field: int, number: int) -> str:
    """Make an SDSS photometric object's identifier: 64 bits that hold the frame's key (SDSS, `objID` description)."""
    parts = ((SKY_VERSION, 59), (strip.rerun, 48), (strip.run, 32), (strip.camcol, 29), (field, 16), (number, 0))
    return str(sum(value << shift for value, shift in parts))


def _with_invalid(rows: list[dict[str, str]], invalid: int, seed: int) -> list[dict[str, str]]:
    """Spread unusable copies of rows over the catalogue, with identifiers of their own."""
    rng = np.random.default_rng([seed, 2])
    for k in range(invalid):
        model = dict.fromkeys(COLUMNS, "0") if not rows else rows[int(rng.integers(len(rows)))]
        damaged = model | {"objid": str((2 << 59) + k)} | _DAMAGE[k % len(_DAMAGE)]
        rows.insert(int(rng.integers(len(rows) + 1)), damaged)
    return rows


def _fields(strip: Strip) -> list[dict[str, str]]:
    """List the fields as the survey's `window_flist.fits` does."""
    rows = []
    for number in strip.field_numbers:
        mu, nu = strip.mu_nu(np.array(strip.rows_of(number))[[0, -1]] * 1.0, np.array([0.0, strip.shape[1] - 1]))
        bounds = [mu[0] - PIXEL / 2, mu[1] + PIXEL / 2, nu[0] - PIXEL / 2, nu[1] + PIXEL / 2, NODE, strip.inclination]
        values = [strip.run, strip.rerun, strip.camcol, number, *(f"{value:.8f}" for value in bounds), "1.0"]
        rows.append(dict(zip(FIELD_COLUMNS, map(str, values), strict=True)))
    return rows


def _write_table(path: Path, columns: Sequence[str], rows: list[dict[str, str]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
