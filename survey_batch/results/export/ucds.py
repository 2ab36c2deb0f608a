"""Unified Content Descriptors (UCD1+, IVOA recommendation 1.5) of the columns that an export adds.

VOTable and TOPCAT's FITS convention (`TUCD`) tell programs by them what a column means.
"""

import re

UCDS = {
    "object_id": "meta.id;meta.main",
    "status": "meta.code.status",
    "reason": "meta.note",
    "predicted_class": "src.class",
    "confidence": "stat.probability;src.class",
    "label": "src.class",
    "split": "meta.code",
    "ra": "pos.eq.ra;meta.main",
    "dec": "pos.eq.dec;meta.main",
}
PROBABILITY_UCD = "stat.probability;src.class"

FEATURES = (
    (r"(psf_)?flux_.*", "phot.flux;em.opt"),
    (r"(colour|color)_.*", "phot.color;em.opt"),
    (r"background(_scatter)?_.*", "instr.skyLevel"),
    (r"(fwhm|half_light_radius)_.*", "phys.angSize"),
    (r"(ellipticity|e1|e2)_.*", "src.ellipticity"),
    (r"(nearest|brightest)_distance", "pos.angDistance"),
    (r"neighbours", "meta.number"),
)
"""UCDs of features by their names."""
LINES = {"Angstrom": "spect.line.eqWidth"}
"""UCDs of other features by their unit."""


def ucd_of_feature(name: str, unit: str) -> str:
    """Return the UCD of a feature, "" where none fits."""
    plain, error = re.subn(r"_error$", "", name)
    found = next((ucd for pattern, ucd in FEATURES if re.fullmatch(pattern, plain)), LINES.get(unit, ""))
    return f"stat.error;{found}" if found and error else found
