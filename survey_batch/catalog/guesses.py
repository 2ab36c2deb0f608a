"""The names that columns go by in the releases that are known."""

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
"""Our name to the names it goes by in SDSS (CasJobs, SkyServer, the SDSS17 file), LAMOST releases and lists of stamps,
in order of preference, lower case and without underscores."""

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
"""Which of these names belong together, in order of preference."""


def plain(name: str) -> str:
    """Lower case, without underscores, blanks and hyphens."""
    return re.sub(r"[_\s-]", "", name.lower())


def matching(candidates: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the names that are one of the candidates, those of the first candidate first."""
    return [name for candidate in candidates for name in names if plain(name) == candidate]


def first_match(candidates: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the first of the names that are one of the candidates."""
    return next(iter(matching(candidates, names)), None)
