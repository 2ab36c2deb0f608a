"""A table as a HATS catalogue, as LSDB reads it: one Parquet file for each HEALPix pixel, with few enough rows."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.sorting import Sorter
from survey_batch.core.versions import own_version
from survey_batch.core.wording import counted
from survey_batch.results.export.joined import OURS, Joined
from survey_batch.results.export.names import parquet_names
from survey_batch.results.export.parquet_table import file_metadata
from survey_batch.results.export.staging import Staged, staged
from survey_batch.store.schema import Array

RA, DEC = f"{OURS}ra", f"{OURS}dec"
INDEX, INDEX_ORDER = "_healpix_29", 29
"""Column by which the rows of each file are sorted (HATS note, section 3.2)."""
ORDER = 7
"""The finest pixels that files are made of, 0.46 degrees wide; coarser ones where there are few objects."""
MOST_ROWS = 1 << 18
"""Rows of a file, unless a pixel of the finest order holds more."""


def write_hats(table: Joined, path: Path) -> int:
    """Write a table with columns `sb_ra` and `sb_dec` [deg] as a HATS catalogue.

    Parameters
    ----------
    table : Joined
        Rows without a position are left out, as the catalogue is divided by position; its changes say how many.
    path : pathlib.Path
        The folder.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    ConfigurationError
        The package `hats` is not installed, or no row has a position.
    """
    try:
        import hats.catalog  # noqa: F401 - takes seconds
    except ImportError as error:
        raise ConfigurationError(
            "a HATS catalogue needs the package hats: pip install 'survey-batch[hats]', or export to a .parquet file"
        ) from error
    with TemporaryDirectory(prefix="survey-batch-hats-") as scratch:
        source = staged(table, Path(scratch))
        counts = _counts(source)
        if missing := table.rows - int(counts.sum()):
            table.changes.note(f"{counted(missing, 'row')} without a position left out of the HATS catalogue", RA)
        if not counts.any():
            raise ConfigurationError(
                "no row has a position, and a HATS catalogue is divided by it: choose another format"
            )
        pixels, file_number = _divide(counts)
        sorter = Sorter(Path(scratch) / "pixels", len(pixels))
        for part in _indexed(source):
            index = np.asarray(part[INDEX])
            sorter.add(part, file_number[index >> 2 * (INDEX_ORDER - ORDER)], index)
        _write_files(table, sorter, pixels, path)
        _describe(path, pixels, counts)
        return int(counts.sum())


def _indexed(source: Staged, names: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield rows that have a position, with their index; all columns, or some."""
    from hats.pixel_math import compute_spatial_index

    for part in source.batches(names):
        known = part.filter(pc.and_(pc.is_valid(part[RA]), pc.is_valid(part[DEC])))
        ra, dec = (np.asarray(known[name]) for name in (RA, DEC))
        yield known.add_column(0, INDEX, pa.array(np.asarray(compute_spatial_index(ra, dec), np.int64)))


def _counts(source: Staged) -> Array:
    """Count the rows in each pixel of the finest order."""
    counts = np.zeros(12 << 2 * ORDER, np.int64)
    for part in _indexed(source, (RA, DEC)):
        counts += np.bincount(np.asarray(part[INDEX]) >> 2 * (INDEX_ORDER - ORDER), minlength=len(counts))
    return counts


def _divide(counts: Array) -> tuple[list[Any], Array]:
    """Choose the pixels of the files; return them, and the number of each finest pixel's file."""
    from hats.pixel_math import HealpixPixel, generate_alignment

    target = generate_alignment(counts, highest_order=ORDER, threshold=max(MOST_ROWS, int(counts.max())))
    found = {number: HealpixPixel(*target[number][:2]) for number in np.flatnonzero(counts).tolist()}
    pixels = sorted(set(found.values()))
    number_of = {pixel: number for number, pixel in enumerate(pixels)}
    file_number = np.zeros(len(counts), np.int64)
    for number, pixel in found.items():
        file_number[number] = number_of[pixel]
    return pixels, file_number


def _write_files(table: Joined, sorter: Sorter, pixels: list[Any], path: Path) -> None:
    from hats.io import paths

    names = [INDEX, *parquet_names(table.schema.names, table.changes)]
    fields = [pa.field(INDEX, pa.int64()), *table.schema]
    schema = pa.schema([field.with_name(name) for field, name in zip(fields, names, strict=True)])
    schema = schema.with_metadata(file_metadata(table, schema, Counter()))
    for number, pixel in enumerate(pixels):
        file = Path(str(paths.pixel_catalog_file(path, pixel)))
        file.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for part in sorter.parts(number):
                writer.write_table(pa.table(part.columns, schema=schema))


def _describe(path: Path, pixels: list[Any], counts: Array) -> None:
    """Write the catalogue's properties, the list of its pixels, the files' metadata in one file, and a map of rows."""
    from hats.catalog import PartitionInfo, TableProperties
    from hats.io import write_parquet_metadata
    from hats.io.skymap import write_skymap

    PartitionInfo.from_healpix(pixels).write_to_file(catalog_path=path)
    write_parquet_metadata(path)
    write_skymap(counts, path)
    TableProperties(
        catalog_name=path.name.strip(".").split(".hats")[0],
        catalog_type="object",
        total_rows=int(counts.sum()),
        ra_column=RA,
        dec_column=DEC,
        healpix_column=INDEX,
        healpix_order=INDEX_ORDER,
        skymap_order=ORDER,
        hats_max_rows=max(int(counts.max()), MOST_ROWS),
        npix_suffix=".parquet",
        **TableProperties.new_provenance_dict(path, f"survey-batch {own_version()}"),
    ).to_properties_file(path)
