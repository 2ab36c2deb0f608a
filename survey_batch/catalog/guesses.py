"""Column names in the known releases."""

import re
from collections.abc import Mapping, Sequence

_COMMON = {
    "ra": ("ra", "alpha", "raj2000", "raicrs", "radeg", "plugra"),
    "dec": ("dec", "delta", "dej2000", "decj2000", "deicrs", "decicrs", "decdeg", "dedeg", "plugdec"),
    "label": ("label",),
    "split": ("split",),
    "class": ("class",),
    "subclass": ("subclass",),
    "fiberid": ("fiberid", "fiber"),
}

_SDSS = _COMMON | {
    "object_id": ("objectid", "specobjid", "objid", "bestobjid", "id"),
    "rerun": ("rerun", "rerunid"),
    "run": ("run", "runid"),
    "camcol": ("camcol", "camcolid"),
    "field": ("field", "fieldid"),
    "plate": ("plate",),
    "mjd": ("mjd",),
    "redshift": ("redshift", "zspec", "specz", "zsp", "z"),
    "snr": ("snr", "snmedian", "snmedianall", "snrr", "snmedianr"),
    "zwarning": ("zwarning",),
    "primary": ("scienceprimary", "specprimary", "mode"),
    **{f"mag_{band}": (f"psfmag{band}", f"modelmag{band}", f"mag{band}", band) for band in "ugriz"},
}

GUESSES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "sdss": _SDSS,
    "skyserver": _SDSS,
    "lamost": _COMMON
    | {
        "object_id": ("objectid", "obsid"),
        "obsid": ("obsid",),
        "lmjd": ("lmjd",),
        "planid": ("planid",),
        "spid": ("spid",),
        "obsdate": ("obsdate",),
        "filename": ("filename", "fitsname"),
        "redshift": ("redshift", "z"),
        "snr": ("snr",),
        "snrr": ("snrr",),
        "snrg": ("snrg",),
        "snri": ("snri",),
        "snrz": ("snrz",),
        "snru": ("snru",),
        "zwarning": ("zwarning",),
        "primary": ("primary",),
        "mag_u": ("magu",),
        **{f"mag_{band}": (f"magps{band}", f"mag{band}") for band in "griz"},  # Pan-STARRS, since DR6
    },
    "stamps": _COMMON
    | {
        "object_id": ("objectid", "sourceid", "starid", "id"),
        "exposure": ("exposure", "exposureid", "expname", "visit"),
        "redshift": ("redshift",),
        "snr": ("snr",),
        **{f"mag_{band}": (f"mag{band}", band) for band in "ugriz"},
    },
}
"""Our names, each with its names in SDSS (CasJobs, SkyServer, the SDSS17 file), LAMOST releases and lists of stamps, in
order of preference, lower case and without underscores."""

POSITIONS = (
    ("ra", "dec"),
    ("alpha", "delta"),
    ("raj2000", "dej2000"),
    ("raj2000", "decj2000"),
    ("raicrs", "deicrs"),
    ("raicrs", "decicrs"),
    ("radeg", "decdeg"),
    ("radeg", "dedeg"),
    ("plugra", "plugdec"),
)
"""Names that belong together as a position, in order of preference."""


def plain(name: str) -> str:
    """Return a name in lower case, without underscores, blanks and hyphens."""
    return re.sub(r"[_\s-]", "", name.lower())


def matching(candidates: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the names that match a candidate, in the order of the candidates."""
    return [name for candidate in candidates for name in names if plain(name) == candidate]


def first_match(candidates: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the first name that matches a candidate, or None."""
    return next(iter(matching(candidates, names)), None)
