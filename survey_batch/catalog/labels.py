"""Class labels."""

import re

import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.values import to_text

SPECTRAL_TYPES = ("A", "F", "G", "K", "M", "non-stellar")
"""The classes that LAMOST's low-resolution pipeline gives in numbers worth training on."""

_STELLAR = re.compile(r"^(?:e?sd|usd|d|g)?([AFGKM])(?:\d|$|[ (IV])")
"""Prefix (sd, esd, usd: subdwarf; d: dwarf; g: giant), letter, then a digit, a luminosity class or nothing."""


def spectral_type(class_: pa.Array, subclass: pa.Array) -> pa.Array:
    """Spectral letter of stars, `non-stellar` of galaxies and quasars, else "" (O, B, carbon, unknown, …).

    Parameters
    ----------
    class_
        `STAR`, `GALAXY`, `QSO` or `Unknown`, as in the catalogues of LAMOST and SDSS.
    subclass
        Such as `G7`, `A5V`, `dM3`, `gM0`, `sdM1`.

    Returns
    -------
    pyarrow.Array
        One of `SPECTRAL_TYPES` or "".
    """
    pair = pc.binary_join_element_wise(
        pc.utf8_upper(to_text(class_)), to_text(subclass), "|", null_handling="replace", null_replacement=""
    )
    encoded = pc.dictionary_encode(pair)
    types = pa.array([_type_of(*text.split("|", 1)) for text in encoded.dictionary.to_pylist()], pa.string())
    return types.take(encoded.indices)


def _type_of(class_: str, subclass: str) -> str:
    if class_ in ("GALAXY", "QSO"):
        return "non-stellar"
    match = _STELLAR.match(subclass) if class_ == "STAR" else None
    return match.group(1) if match else ""
