"""Parquet files, FITS tables and VOTables as catalogues."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

import fsspec
import pyarrow as pa

from survey_batch.catalog.arrays import arrow_array, fits_array
from survey_batch.catalog.source import BATCH_ROWS, Location, Rows, Source, in_batches
from survey_batch.errors import ConfigurationError


def parquet_source(url: str) -> Source:
    """Open a Parquet file, or a folder of them."""
    filesystem, path = fsspec.core.url_to_fs(url)
    import pyarrow.dataset as ds  # with it comes pandas, a second of every worker's start

    dataset = ds.dataset(path, filesystem=filesystem, format="parquet", partitioning="hive")

    def batches(names: Sequence[str]) -> Iterator[Rows]:
        # Without read-ahead no more than one row group's columns are in memory.
        options = {"batch_size": BATCH_ROWS, "batch_readahead": 0, "fragment_readahead": 1}
        for batch in dataset.to_batches(columns=list(names), **options):
            yield Rows(pa.Table.from_batches([batch]))

    return Source(url, tuple(dataset.schema.names), batches)


def fits_source(location: Location) -> Source:
    """Open the first table of a FITS file.

    Raises
    ------
    ConfigurationError
        There is no table.
    """
    from astropy.io import fits

    def table_of(hdus: Any) -> Any:
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
        if not tables:
            raise ConfigurationError(f"catalog.path: {location.url} is a FITS file without a table")
        return tables[0]

    def batches(names: Sequence[str]) -> Iterator[Rows]:
        with location.open() as file, fits.open(BytesIO(file.read()), memmap=False) as hdus:
            hdu = table_of(hdus)
            table = pa.table({name: fits_array(hdu, name) for name in names})
        yield from in_batches(table)

    with location.open() as file, fits.open(BytesIO(file.read()), memmap=False) as hdus:
        return Source(location.url, tuple(table_of(hdus).columns.names), batches)


def votable_source(location: Location) -> Source:
    """Open the first table of a VOTable file.

    Raises
    ------
    ConfigurationError
        The file is no VOTable, or holds no table.
    """
    from astropy.io.votable import parse
    from astropy.io.votable.exceptions import VOTableSpecError

    try:
        with location.open() as file:
            table = parse(file).get_first_table().to_table(use_names_over_ids=True)
    except (VOTableSpecError, IndexError) as error:
        raise ConfigurationError(f"catalog.path: cannot read {location.url} as VOTable: {error}") from error

    def batches(names: Sequence[str]) -> Iterator[Rows]:
        yield from in_batches(pa.table({name: arrow_array(table[name]) for name in names}))

    return Source(location.url, tuple(table.colnames), batches)
