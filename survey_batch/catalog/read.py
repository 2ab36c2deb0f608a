"""Reading a catalogue: one clean row per input row, none dropped."""

import logging
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.columns import match_columns
from survey_batch.catalog.draft import Draft
from survey_batch.catalog.formats import open_source
from survey_batch.catalog.keys import lamost_key, read_positions, sdss_key
from survey_batch.catalog.labels import spectral_type
from survey_batch.catalog.naming import name_objects
from survey_batch.catalog.split import SPLITS, assign_splits
from survey_batch.catalog.values import Floats
from survey_batch.errors import ConfigurationError
from survey_batch.job import ArchiveSection, CatalogSection

logger = logging.getLogger(__name__)

_SNR_PREFERENCE = ("snr", "snrr", "snrg", "snri", "snrz", "snru")


@dataclass(frozen=True)
class Catalog:
    """A catalogue that was read and checked.

    Attributes
    ----------
    table
        One row per input row, in input order: `row` (0-based), `object_id` (unique), `ra`, `dec` [deg, ICRS, NaN
        where not known], `label`, `split` ("" where none), `redshift`, `snr` (NaN where none), `problem` (""
        where the row can be used) and the source key: `rerun`, `run`, `camcol`, `field` for SDSS (-1 where
        missing); `obsid`, `lmjd`, `planid`, `spid`, `fiberid`, `obsdate`, `filename` for LAMOST.
    notes
        What a person should know: where ids came from, and how many rows cannot be used.
    """

    table: pa.Table
    notes: tuple[str, ...]


def read_catalog(section: CatalogSection, archive: ArchiveSection) -> Catalog:
    """Read a list of objects.

    Parameters
    ----------
    section
        Where the list is and what its columns mean.
    archive
        The survey, and the layout by which files are found.

    Raises
    ------
    ConfigurationError
        The file cannot be read, a needed column is not there, it holds no rows, or none that can be used.
    """
    source = open_source(section.path)
    names = match_columns(source, section, archive)
    draft = Draft(source.read(sorted(set(names.values()))), names)
    if len(draft) == 0:
        raise ConfigurationError(f"catalog.path: {section.path} has column names, but no rows")
    ra, dec = read_positions(draft, archive.survey)
    key = sdss_key(draft) if archive.survey == "sdss" else lamost_key(draft, archive)
    object_id = name_objects(draft, key, ra, dec, archive.survey)
    label = _labels(draft, section)
    columns = {
        "row": pa.array(np.arange(len(draft))),
        "object_id": object_id,
        "ra": pa.array(ra),
        "dec": pa.array(dec),
        "label": label,
        "split": _splits(draft, section, object_id, ra, dec, label),
        "redshift": pa.array(draft.number("redshift").astype(np.float32)),
        "snr": pa.array(_signal_to_noise(draft).astype(np.float32)),
        "problem": pa.array(draft.problem, pa.string()),
        **{
            name: values if isinstance(values, pa.Array) else pa.array(values, pa.int32())
            for name, values in key.items()
        },
    }
    _count_problems(draft, section)
    for note in draft.notes:
        logger.info("%s: %s", section.path, note)
    return Catalog(pa.table(columns), tuple(draft.notes))


def _labels(draft: Draft, section: CatalogSection) -> pa.Array:
    if section.label != "spectral_type":
        return pc.fill_null(draft.text("label"), "")
    if missing := [name for name in ("class", "subclass") if name not in draft.names]:
        raise ConfigurationError(
            f'catalog.label: "spectral_type" is made of class and subclass, and no column was found for '
            f"{' and '.join(missing)}: name it in catalog.columns, or set catalog.label to a column"
        )
    return spectral_type(draft.text("class"), draft.text("subclass"))


def _splits(
    draft: Draft, section: CatalogSection, object_id: pa.Array, ra: Floats, dec: Floats, label: pa.Array
) -> pa.Array:
    """Return the job's split of usable rows, else the catalogue's own, else none."""
    if section.split is None:
        return _own_splits(draft)
    labels = np.where(draft.problem == "", label.to_numpy(zero_copy_only=False), "")
    if not (labels != "").any():
        raise ConfigurationError("catalog.split: no usable row has a label to split by: set catalog.label")
    split = assign_splits(object_id.to_numpy(zero_copy_only=False), ra, dec, labels, section.split)
    return pa.array(split, pa.string())


def _own_splits(draft: Draft) -> pa.Array:
    split = pc.fill_null(pc.utf8_lower(draft.text("split")), "")
    if unknown := sorted(set(pc.unique(split).to_pylist()) - {"", *SPLITS}):
        raise ConfigurationError(
            f"column {draft.names['split']!r} holds {', '.join(map(repr, unknown[:5]))}, and splits are "
            f"{', '.join(SPLITS)}: correct it, or set [catalog.split] to have them made"
        )
    return split


def _signal_to_noise(draft: Draft) -> Floats:
    """Take the first signal-to-noise that is known, r and g before the other bands."""
    snr = np.full(len(draft), np.nan)
    for name in _SNR_PREFERENCE:
        if name in draft.names:
            snr = np.where(np.isnan(snr), draft.number(name), snr)
    return snr


def _count_problems(draft: Draft, section: CatalogSection) -> None:
    bad = np.flatnonzero(draft.problem != "")
    if bad.size == 0:
        return
    first = f"row {bad[0]}: {draft.problem[bad[0]]}"
    if bad.size == len(draft):
        raise ConfigurationError(f"catalog.path: none of the {len(draft)} rows of {section.path} can be used; {first}")
    draft.notes.append(f"{bad.size} of {len(draft)} rows cannot be used; the first is {first}")
