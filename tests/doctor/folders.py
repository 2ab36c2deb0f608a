"""A classifier's folder that can be read and checked, with a network that nobody loads."""

import hashlib
import json
import math

from survey_batch.models.artifact import versions
from survey_batch.stages import make_stage


def write_classifier(folder, job, content=b"a network"):
    """Write the folder of a classifier that takes the spectra of a job."""
    stage = make_stage(job, "spectra")
    count = stage.sizes()["wavelength"]
    first = round(1e4 * math.log10(stage.wavelength()[0]))
    recipe = {
        "product": "spectra",
        "variables": ["flux", "ivar"],
        "shape": [count],
        "grid": {"first": first, "count": count},
    }
    manifest = {
        "kind": "spectral-type",
        "variant": "lines",
        "classes": ["A", "F"],
        "recipe": recipe,
        "versions": versions("spectral-type"),
        "files": {"network.keras": hashlib.sha256(content).hexdigest()},
    }
    folder.mkdir()
    (folder / "network.keras").write_bytes(content)
    (folder / "manifest.json").write_text(json.dumps(manifest))
