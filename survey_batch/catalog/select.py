"""Selection of rows by their properties, before any other step."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.clean import signal_to_noise
from survey_batch.catalog.draft import Draft
from survey_batch.catalog.labels import luminosity
from survey_batch.config.sections.catalog import SelectSection
from survey_batch.core.arrays import F8, Flags


def select(draft: Draft, label: pa.Array, section: SelectSection | None) -> tuple[Flags, Counter[str]]:
    """Mark the rows that meet every condition.

    Parameters
    ----------
    draft
        A batch of rows.
    label
        Their classes.
    section
        The conditions; None means none.

    Returns
    -------
    chosen : ndarray of bool
    left_out : Counter
        The other rows, counted by the first condition that they fail.
    """
    chosen = np.ones(len(draft), bool)
    left_out: Counter[str] = Counter()
    for name, met in _conditions(draft, label, section) if section is not None else ():
        left_out[f"select.{name}"] += int(np.sum(chosen & ~met))
        chosen &= met
    return chosen, left_out


def _conditions(draft: Draft, label: pa.Array, section: SelectSection) -> Iterator[tuple[str, Flags]]:
    if section.object_class is not None:
        yield (
            "object_class",
            _one_of(pc.utf8_upper(draft.text("class")), [name.upper() for name in section.object_class]),
        )
    if section.labels is not None:
        yield "labels", _one_of(label, section.labels)
    if section.luminosity is not None:
        yield "luminosity", _one_of(luminosity(draft.text("subclass")), section.luminosity)
    if section.snr is not None:
        yield "snr", _within(signal_to_noise(draft), section.snr)
    for band, limits in section.magnitudes.items():
        yield f"magnitudes.{band}", _within(draft.number(f"mag_{band}"), limits)
    if section.zwarning is not None:
        yield "zwarning", np.isin(draft.number("zwarning"), section.zwarning)


def _one_of(values: pa.Array, allowed: list[str] | tuple[str, ...]) -> Flags:
    found = pc.is_in(values, value_set=pa.array(allowed, pa.string()))
    return np.asarray(pc.fill_null(found, False))


def _within(values: F8, limits: tuple[float, float]) -> Flags:
    return (values >= limits[0]) & (values <= limits[1])
