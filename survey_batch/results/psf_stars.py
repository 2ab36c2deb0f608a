"""Lists of stars for building each field's PSF, the surest first, in formats that other programs read.

Pixel conventions differ. `x`, `y` count from 0, the centre of the first pixel, as numpy, photutils and our products do.
`X_IMAGE`, `Y_IMAGE` count from 1, as FITS, SExtractor, PSFEx and TRIPPy (which takes SExtractor's XWIN_IMAGE) do.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from survey_batch.catalog.detected import object_catalog
from survey_batch.catalog.fields import read_fields
from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import join, read_bytes, write_bytes
from survey_batch.images.psf_rule import common_size
from survey_batch.store.damage import read_array
from survey_batch.store.products import open_group, product_exists
from survey_batch.store.schema import Array

Format = Literal["fits", "csv", "assoc", "region"]
FORMATS: tuple[Format, ...] = ("fits", "csv", "assoc", "region")

FOLDER = "psf-stars"
FIELD_KEY = ("rerun", "run", "camcol", "field")
"""Columns that name a field."""
GOOD = "good"
"""Class whose probability is the confidence."""
FROM_ONE = {"X_IMAGE": "x", "Y_IMAGE": "y"}
"""Columns that count pixels from 1."""
COLUMNS = ("object_id", "x", "y", "ra", "dec", "sky", "flux", "error", "half_light_radius")
SIZE = 0.15
"""Largest relative difference of a star's half-light radius from the commonest one at its position in the field."""
FEWEST = 3
"""With fewer chosen stars, a field has no commonest size."""
REGION_RADIUS = 8.0
"""Radius in pixels of the circle around each star in a region file."""


@dataclass(frozen=True)
class FieldStars:
    """The stars chosen for one field.

    Attributes
    ----------
    rerun, run, camcol, field : int
        The field.
    band : str
        The band in which they were found.
    stars : pyarrow.Table
        `object_id`, `x`, `y` [pixel, from 0], `X_IMAGE`, `Y_IMAGE` [pixel, from 1], `ra`, `dec` [deg], `sky` [nanomaggy
        per pixel], `flux`, `error` [nanomaggy], `half_light_radius` [pixel], `confidence`; the surest first.
    """

    rerun: int
    run: int
    camcol: int
    field: int
    band: str
    stars: pa.Table

    @property
    def name(self) -> str:
        """Name of its files, the same as its frame's: `r-001006-6-0011`."""
        return f"{self.band}-{self.run:06d}-{self.camcol}-{self.field:04d}"

    def astropy(self) -> Any:
        """Make an `astropy.table.Table`; `photutils.psf.extract_stars` cuts stars at its x and y, for EPSFBuilder."""
        from astropy.table import Table

        columns = {name: self.stars[name].to_numpy() for name in self.stars.column_names}
        columns["object_id"] = columns["object_id"].astype(str)
        key = {name: getattr(self, name) for name in FIELD_KEY}
        return Table(columns, meta={**key, "band": self.band})


def choose_psf_stars(job: Job, threshold: float = 0.5, most: int = 0, size: float = SIZE) -> list[FieldStars]:
    """Choose the stars of each field of a job, by the confidence of its classifier.

    Detections and predictions are joined by `object_id`. A classifier sees one cutout and does not know the seeing, so
    among a field's chosen stars only those with the commonest size at their position are kept. All fields of the job's
    list are returned; a field without chosen stars has an empty table.

    Parameters
    ----------
    job
        Has a table [catalog.detect] and has run the stage `predictions` with a classifier of kind `psf-star`.
    threshold
        Least confidence: the calibrated probability of class `good`.
    most
        Most stars per field; 0 for all.
    size
        Largest relative difference of a half-light radius from the commonest one, which may vary with x and y; 0 for
        no limit.

    Raises
    ------
    ConfigurationError
        The objects are not detections, there are no predictions, or the classifier has no class `good`.
    """
    if job.catalog.detect is None:
        raise ConfigurationError("PSF stars need objects that were found on frames: set [catalog.detect]")
    found = pq.read_table(io.BytesIO(read_bytes(object_catalog(job).path)), columns=[*COLUMNS, *FIELD_KEY])
    confidence = _confidence(job, found["object_id"])
    found = found.append_column("confidence", pa.array(confidence))
    for name, source in FROM_ONE.items():
        found = found.append_column(name, pc.add(found[source], 1.0))
    order = [(name, "ascending") for name in FIELD_KEY]
    fields = read_fields(job.catalog, job.archive)[0].to_pylist()
    chosen = found.filter(pa.array(confidence >= threshold)).sort_by([*order, ("confidence", "descending")])
    return list(_by_field(chosen, fields, job.catalog.detect.band, most, size))


def _by_field(
    chosen: pa.Table, fields: list[dict[str, int]], band: str, most: int, size: float
) -> Iterator[FieldStars]:
    """Cut a table sorted by field into one table per field; `fields` has the same order."""
    counted = chosen.group_by(list(FIELD_KEY)).aggregate([([], "count_all")]).to_pylist()
    count = {tuple(row[name] for name in FIELD_KEY): row["count_all"] for row in counted}
    names, first = ["object_id", "x", "y", *FROM_ONE, *COLUMNS[3:], "confidence"], 0
    for key in fields:
        rows = count.get(tuple(key[name] for name in FIELD_KEY), 0)
        stars = chosen.slice(first, rows)
        radius, x, y = (stars[name].to_numpy().astype(np.float64) for name in ("half_light_radius", "x", "y"))
        alike = stars.filter(pa.array(like_most(radius, size, np.column_stack([x, y]))))
        yield FieldStars(**key, band=band, stars=alike.select(names).slice(0, most or None))
        first += rows


def like_most(radius: Array, size: float = SIZE, position: Array | None = None) -> Array:
    """Mark stars whose half-light radius differs from the commonest by at most this share; mark all of very few stars.

    Parameters
    ----------
    radius : (n,) float
    size
        Largest relative difference; 0 for no limit.
    position : (n, 2) float, optional
        x and y of the stars [pixel], over which the commonest size may vary; without it one size holds for all.
    """
    if not size or len(radius) < FEWEST:
        return np.ones(len(radius), bool)
    position = np.zeros((len(radius), 2)) if position is None else position
    return np.asarray(np.abs(radius / common_size(radius.astype(np.float64), position) - 1) <= size)


def _confidence(job: Job, asked: pa.ChunkedArray) -> Array:
    """Read the probability of class `good` of each object; NaN where it has none."""
    if not product_exists(job.output, "predictions"):
        raise ConfigurationError(
            f"{job.output} holds no predictions: add the stage predictions with a classifier of kind psf-star, and run"
        )
    group: Any = open_group(job.output, "predictions")
    classes = [str(name) for name in read_array(group, "class")]
    if GOOD not in classes:
        raise ConfigurationError(
            f"the predictions have the classes {', '.join(classes)}; a psf-star classifier has the class {GOOD}"
        )
    made = pa.array(read_array(group, "object_id").astype(object), pa.string())
    probability = read_array(group, "probability")[:, classes.index(GOOD)].astype(np.float64)
    indices = pc.index_in(asked, value_set=made)
    values = pa.array(probability).take(indices.combine_chunks() if isinstance(indices, pa.ChunkedArray) else indices)
    return np.asarray(values.fill_null(np.nan))


def write_psf_stars(
    fields: Sequence[FieldStars], folder: str, formats: Sequence[Format] = ("fits",)
) -> Iterator[tuple[str, int]]:
    """Write `psf-stars.parquet` with all stars, and files of each field; yield each path and its number of stars.

    Per field, named as its frame: `fits`, a table with all columns (TRIPPy: X_IMAGE, Y_IMAGE; photutils: x, y); `csv`,
    the same; `assoc`, a list X_IMAGE Y_IMAGE flux confidence for SExtractor's ASSOC_NAME (ASSOC_PARAMS 1,2,3), so
    that it writes a catalogue of only these stars for PSFEx; `region`, circles for DS9.
    """
    path = join(folder, "psf-stars.parquet")
    buffer = io.BytesIO()
    whole = pa.concat_tables([_with_key(one) for one in fields])
    pq.write_table(whole, buffer, compression="zstd")
    write_bytes(path, buffer.getvalue())
    yield path, whole.num_rows
    for one in fields:
        for kind in formats:
            path = join(folder, f"{one.name}.{ENDING[kind]}")
            write_bytes(path, _BYTES[kind](one))
            yield path, one.stars.num_rows


def _with_key(one: FieldStars) -> pa.Table:
    rows = one.stars.num_rows
    key = {name: pa.array(np.full(rows, getattr(one, name), np.int32)) for name in FIELD_KEY}
    return pa.table({**key, **{name: one.stars[name] for name in one.stars.column_names}})


def _fits(one: FieldStars) -> bytes:
    buffer = io.BytesIO()
    one.astropy().write(buffer, format="fits")
    return buffer.getvalue()


def _csv(one: FieldStars) -> bytes:
    from pyarrow import csv

    buffer = io.BytesIO()
    csv.write_csv(one.stars, buffer)
    return buffer.getvalue()


def _assoc(one: FieldStars) -> bytes:
    return _lines(one, "{X_IMAGE:.4f} {Y_IMAGE:.4f} {flux:.6g} {confidence:.4f}")


def _region(one: FieldStars) -> bytes:
    circle = f"circle({{X_IMAGE:.4f}},{{Y_IMAGE:.4f}},{REGION_RADIUS:g}) # text={{{{{{confidence:.2f}}}}}}"
    return b"# Region file format: DS9\nimage\n" + _lines(one, circle)


def _lines(one: FieldStars, form: str) -> bytes:
    return "".join(form.format(**row) + "\n" for row in one.stars.to_pylist()).encode()


ENDING = {"fits": "fits", "csv": "csv", "assoc": "assoc", "region": "reg"}
_BYTES = {"fits": _fits, "csv": _csv, "assoc": _assoc, "region": _region}
