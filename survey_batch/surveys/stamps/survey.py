"""Stamps: each star's stamp lies in the file of its exposure."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.config.key_columns import CatalogRows, KeyColumn
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.stage_kind import StageKind
from survey_batch.config.survey import Survey
from survey_batch.core.paths import OUTSIDE_ROOT

STAMPS_STAGE = StageKind("survey_batch.surveys.stamps.stage:StampsStage", starts=True)


class Stamps(Survey):
    """Stamps of stars; only a star's own id finds its stamp."""

    name = "stamps"
    key = (
        KeyColumn(
            "exposure", "text", ("exposure", "exposureid", "expname", "visit"), meaning="file that holds the stamp"
        ),
    )
    order = ("exposure",)
    columns: ClassVar = {
        "object_id": ("objectid", "sourceid", "starid", "id"),
        "redshift": ("redshift",),
        **{f"mag_{band}": (f"mag{band}", band) for band in "ugriz"},
    }
    stages: ClassVar = {"stamps": STAMPS_STAGE}
    needs_id = True
    file = "exposure"
    simulator = "survey_batch.simulate.exposures:simulate_stamps"

    def purpose(self, archive: ArchiveSection) -> str:  # noqa: ARG002
        """Say what the columns are needed for."""
        return PURPOSE

    def read_key(self, rows: CatalogRows, archive: ArchiveSection) -> Mapping[str, pa.Array]:
        """Read the exposure that holds a star's stamp, "" where missing; it must lie below the archive's root."""
        key = super().read_key(rows, archive)
        outside = np.asarray(pc.match_substring_regex(key["exposure"], OUTSIDE_ROOT))
        rows.reject(outside, "exposure names a file outside the archive's root", "exposure")
        return key

    def example(self) -> str:
        """Return a commented job file to start from."""
        return EXAMPLE


PURPOSE = """\
survey "stamps" finds a star's stamp by the columns object_id and exposure (the name of the file that holds it), and
needs ra and dec to tell stars apart."""

EXAMPLE = """\
name   = "{name}"
output = "runs/{name}"
stages = ["stamps"]                         # and "predictions", with its table at the end

[catalog]
path = "catalog.csv"                        # object_id, exposure, ra, dec
label = "label"

[archive]
survey = "stamps"
root = "exposures"                          # a folder, https://... or s3://...

[train]
kind = "stamp-type"
classifier = "models/{name}"

# [predictions]                             # survey-batch run --train trains it first if it does not exist
# classifier = "models/{name}"
"""

STAMPS = Stamps()
