"""Where the releases of DESI keep coadds (DESI data model, `DESI_SPECTRO_REDUX`).

A file holds the coadded spectra of all targets of one HEALPix pixel (nested, `nside` 64), survey and program, or of one
petal of one tile. Releases differ in the name of their production, not in their folders.
"""

import re
from collections.abc import Mapping
from typing import Any

from survey_batch.core.errors import InvalidError

PRODUCTIONS = {"edr": "fuji", "dr1": "iron", "dr2": "loa"}
"""Releases, and the production that each is made of."""

TEMPLATES = {
    "healpix": "healpix/{survey}/{program}/{group}/{healpix}/coadd-{survey}-{program}-{healpix}.fits",
    "cumulative": "tiles/cumulative/{tileid}/{lastnight}/coadd-{petal}-{tileid}-thru{lastnight}.fits",
    "pernight": "tiles/pernight/{tileid}/{lastnight}/coadd-{petal}-{tileid}-{lastnight}.fits",
}
"""Layouts, and the path of a coadd below the folder of a production."""

PARTS = {
    "healpix": ("survey", "program", "healpix"),
    "cumulative": ("tileid", "lastnight", "petal"),
    "pernight": ("tileid", "lastnight", "petal"),
}
"""Columns of the catalogue that a layout's path is made of."""

WORD = r"^[a-z0-9]+$"
"""What names of surveys and programs consist of."""

PIXELS_PER_GROUP = 100
"""Numbers of HEALPix pixels that share a folder."""

FIBRES_PER_PETAL = 500


def coadd_path(row: Mapping[str, Any], production: str, layout: str) -> str:
    """Return the path of a row's coadd below the archive's root.

    Parameters
    ----------
    row
        `survey`, `program` and `healpix`, or `tileid`, `lastnight` and `petal`; -1 or "" where missing.
    production
        Name of the reduction, such as `iron`.
    layout
        A key of `TEMPLATES`.

    Raises
    ------
    InvalidError
        The row lacks a part of the path.
    """
    parts = {name: row[name] for name in PARTS[layout]}
    if lacking := [name for name, value in parts.items() if not _names(value)]:
        raise InvalidError(f"the row lacks {' and '.join(lacking)}, which layout {layout!r} needs to name a file")
    group = int(parts.get("healpix", 0)) // PIXELS_PER_GROUP
    return f"spectro/redux/{production}/{TEMPLATES[layout].format(**parts, group=group)}"


def _names(value: Any) -> bool:
    return bool(re.match(WORD, value)) if isinstance(value, str) else int(value) >= 0
