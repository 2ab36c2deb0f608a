"""DESI coadds: many spectra in one file, of three arms."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from survey_batch.config.key_columns import POSITION, CatalogRows, KeyColumn
from survey_batch.config.sections.archive import ArchiveSection
from survey_batch.config.survey import Survey
from survey_batch.core.arrays import I8
from survey_batch.stages.kinds import SPECTRA, SPECTRAL_FEATURES
from survey_batch.surveys.desi.paths import FIBRES_PER_PETAL, PARTS, PRODUCTIONS, WORD

Name = Annotated[str | None, Field(pattern=WORD)]


class DesiArchive(ArchiveSection):
    """The table `[archive]` of DESI."""

    release: Literal["edr", "dr1", "dr2"] = "dr1"
    """Decides the production, which is a folder: `fuji` in the early release, `iron` in DR1, `loa` in DR2."""
    production: Annotated[Name, Field(examples=["guadalupe"])] = None
    """Another production than the release's own."""
    layout: Literal["healpix", "cumulative", "pernight"] = "healpix"
    """Coadds of all exposures of a HEALPix pixel; of a tile, up to a night; or of a tile in one night."""
    desi_survey: Annotated[Name, Field(examples=["main"])] = None
    """SURVEY (main, sv1, sv3, …) of rows that name none; files such as `zpix-main-dark.fits` say it in their name."""
    desi_program: Annotated[Name, Field(examples=["dark"])] = None
    """PROGRAM (dark, bright, backup, other) of rows that name none."""

    def of_production(self) -> str:
        """Return the name of the production."""
        return self.production or PRODUCTIONS[self.release]

    def of_all_rows(self) -> dict[str, str | None]:
        """Return what holds for rows that do not say it themselves."""
        return {"survey": self.desi_survey, "program": self.desi_program}


class Desi(Survey):
    """Coadded spectra of DESI, EDR to DR2."""

    name = "desi"
    archive = DesiArchive
    key = (
        KeyColumn("targetid", "text", ("targetid",), meaning="number of the target, which finds its row in a file"),
        KeyColumn("survey", "text", ("survey",), needed=False, meaning="main, sv1, sv2, sv3, cmx or special"),
        KeyColumn("program", "text", ("program",), needed=False, meaning="dark, bright, backup or other"),
        KeyColumn("healpix", "integer", ("healpix", "hpxpixel"), needed=False, meaning="pixel of nside 64, nested"),
        KeyColumn("tileid", "integer", ("tileid",), needed=False, meaning="number of the tile"),
        KeyColumn(
            "lastnight", "integer", ("lastnight", "night"), needed=False, meaning="last night of the coadd, YYYYMMDD"
        ),
        KeyColumn("petal", "integer", ("petalloc", "petal"), needed=False, meaning="petal of the tile, 0 to 9"),
        KeyColumn("fiber", "integer", ("fiber",), needed=False, meaning="fibre, 0 to 4999; gives the petal"),
    )
    order = ("survey", "program", "healpix", "tileid", "lastnight", "petal")
    columns: ClassVar = {
        "object_id": ("targetid",),
        "ra": (*POSITION["ra"], "meanfiberra"),
        "dec": (*POSITION["dec"], "meanfiberdec"),
        "class": ("spectypebest", "spectype", "class"),
        "subclass": ("subtypebest", "subtype", "subclass"),
        "redshift": ("zbest", "z", "redshift"),
        "zwarning": ("zwarnbest", "zwarn", "zwarning"),
        "primary": ("zcatprimary", "primary"),
    }
    stages: ClassVar = {"spectra": SPECTRA, "features": SPECTRAL_FEATURES}
    needs_position = False
    file = "coadd"
    spectrum_reader = "survey_batch.surveys.desi.reader:DesiCoadds"
    simulator = "survey_batch.simulate:simulate_desi"

    def missing(self, found: Mapping[str, str], archive: ArchiveSection) -> list[str]:
        """Return the columns that the layout needs and that were not found."""
        section = cast("DesiArchive", archive)
        given = {*found, *(name for name, value in section.of_all_rows().items() if value)}
        if "fiber" in found:
            given.add("petal")
        return [name for name in ("targetid", *PARTS[section.layout]) if name not in given]

    def purpose(self, archive: ArchiveSection) -> str:
        """Say what the columns are needed for, and where a user gets them."""
        layout = cast("DesiArchive", archive).layout
        return PURPOSE.format(layout=layout, columns=", ".join(PARTS[layout]), file=CATALOGUES[layout])

    def read_key(self, rows: CatalogRows, archive: ArchiveSection) -> dict[str, pa.Array | I8]:
        """Read what names a coadd and the target in it, and reject rows that lack a part of it."""
        section = cast("DesiArchive", archive)
        targets = rows.identifier("targetid")
        number = pc.if_else(pc.match_substring_regex(targets, r"^-?[0-9]+$"), targets, pa.scalar(None, pa.string()))
        rows.reject(
            np.asarray(number.is_null()),
            "no TARGETID that is a whole number with all its digits: write the column as 64-bit integers or as text",
            "targetid",
        )
        key: dict[str, pa.Array | I8] = {"targetid": pc.fill_null(number, "")}
        for name, value in section.of_all_rows().items():
            key[name] = pc.utf8_lower(pc.fill_null(rows.text(name), value or ""))
        for column in self.key:
            if column.kind == "integer":
                read = rows.whole_number if column.name in PARTS[section.layout] else rows.integer
                key[column.name] = read(column.name)
        petal, fiber = np.asarray(key["petal"]), np.asarray(key["fiber"])
        key["petal"] = np.where((petal < 0) & (fiber >= 0), fiber // FIBRES_PER_PETAL, petal)
        for name in PARTS[section.layout]:
            named = (
                pc.match_substring_regex(key[name], WORD)
                if isinstance(key[name], pa.Array)
                else np.asarray(key[name]) >= 0
            )
            rows.reject(
                ~np.asarray(named),
                f"{name} is missing or no name: layout {section.layout!r} finds no coadd without it",
                name,
            )
        return key

    def example(self) -> str:
        """Return a commented job file to start from."""
        return EXAMPLE


CATALOGUES = {
    "healpix": "zall-pix-<production>.fits, or zpix-<survey>-<program>.fits",
    "cumulative": "zall-tilecumulative-<production>.fits, or ztile-<survey>-<program>-cumulative.fits",
    "pernight": "ztile-<survey>-<program>-pernight.fits",
}
"""Redshift catalogues that have the columns of a layout."""

PURPOSE = """\
survey "desi" with layout "{layout}" finds a target's coadd by the columns {columns},
and its spectrum in it by targetid. The redshift catalogues of each release have them (folder zcatalog of a production):
{file}.
Take its rows as they are, or match your list with it, by position or by TARGETID:
  [catalog] match = {{ path = "<redshift catalogue>", radius_arcsec = 1 }}
  [catalog] match = {{ path = "<redshift catalogue>", by = "id", id = "TARGETID", id_in_catalog = "<column>" }}"""

EXAMPLE = """\
name   = "{name}"
output = "runs/{name}"
stages = ["spectra", "features"]            # and "predictions", with its table at the end

[catalog]
path = "zall-pix-iron.fits"                 # a redshift catalogue, or some of its rows in any format
label = "SPECTYPE"                          # GALAXY, QSO or STAR
split = { train = 0.7, test = 0.3 }         # by target, so that none is in both
# duplicates = { by = ["id"], keep = "primary" }    # of a target in several surveys or programs, the best spectrum

[archive]
survey = "desi"
root = "https://data.desi.lbl.gov/public/dr1"       # or a folder, or s3://...: the folder that holds spectro/
release = "dr1"                             # edr | dr1 | dr2
layout = "healpix"                          # healpix | cumulative | pernight
connections = 4                             # a coadd has some 200 MB

[spectra]
wavelength_min = 3600.0
wavelength_max = 9824.0

# [train]
# kind = "spectral-type"                    # or galaxy-quasar-star, table; docs/classifiers names all
# classifier = "models/{name}"

# [predictions]                             # survey-batch run --train trains it first if it does not exist
# classifier = "models/{name}"
"""

DESI = Desi()
