"""Where the releases of SDSS keep the files of single spectra.

After the survey's own table of paths (`spec-lite`, `specLite` and their whole forms in the package `tree`, releases 8
to 19). A spectrum of a plate is named by plate, MJD and fibre; one of SDSS-V by field, MJD and catalogue number.
"""

from collections.abc import Mapping
from typing import Any, Literal

from survey_batch.core.errors import InvalidError

Files = Literal["lite", "full"]

LEGACY_RUNS = frozenset({"26", "103", "104"})
"""Reductions of the SDSS spectrographs: the main survey, SEGUE-2 and star clusters."""

FOLDERS = {
    **dict.fromkeys(("dr8", "dr9", "dr10", "dr11", "dr12"), "boss/spectro/redux"),
    **dict.fromkeys(("dr13", "dr14", "dr15", "dr16", "dr17"), "eboss/spectro/redux"),
}
"""Folder of the BOSS spectrograph's plates."""
LEGACY_FOLDER = "sdss/spectro/redux"
SDSS5_FOLDER = "spectro/boss/redux"
SDSS5_RELEASES = ("dr18", "dr19")

FULL_IN_A_FOLDER = ("dr16", "dr17", *SDSS5_RELEASES)
"""Releases that keep whole files in `spectra/full`; others keep them in `spectra` itself."""

FIRST_RUNS_OF_SDSS5 = ("v6_0_1", "v6_0_2", "v6_0_3", "v6_0_4")
"""Reductions whose folders end in `p` and whose fields are not padded; catalogue numbers are padded to 11 digits."""


NO_RUN = "run2d is missing (archive.run2d sets one for all rows): no spectrum can be found without it"


def spectrum_path(row: Mapping[str, Any], release: str, files: Files, run: str | None) -> str:
    """Return the path of a spectrum below the archive's root.

    Parameters
    ----------
    row
        `run2d`, `plate`, `fieldid`, `mjd`, `fiberid` and `catalogid` of the catalogue; -1 or "" where missing.
    release
        `dr8` to `dr19`.
    files
        `lite` (the coadded spectrum alone) or `full` (with all exposures).
    run
        The reduction of rows without `run2d`.

    Raises
    ------
    InvalidError
        The row names no spectrum, or none of this release.
    """
    run = str(row["run2d"]) or run or ""
    if release in SDSS5_RELEASES and row["fieldid"] >= 0 and str(row["catalogid"]):
        row = {**row, "plate": -1}  # tables of SDSS-V may name plates, too, which no file is named by
    name = file_name(row, run)
    if not run:
        raise InvalidError(NO_RUN)
    if row["plate"] >= 0 and row["fiberid"] >= 0:
        return f"{_plates(release, run)}/{run}/spectra/{_kind(release, files)}{row['plate']:04d}/{name}"
    if release not in SDSS5_RELEASES:
        raise InvalidError(not_of(release))
    folder = f"{row['fieldid']}p" if run in FIRST_RUNS_OF_SDSS5 else f"{row['fieldid']:06d}"
    return f"{SDSS5_FOLDER}/{run}/spectra/{files}/{folder}/{row['mjd']}/{name}"


def file_name(row: Mapping[str, Any], run: str) -> str:
    """Return the name of a spectrum's file.

    Raises
    ------
    InvalidError
        The row names no spectrum.
    """
    if row["mjd"] >= 0 and row["plate"] >= 0 and row["fiberid"] >= 0:
        return f"spec-{row['plate']:04d}-{row['mjd']:05d}-{row['fiberid']:04d}.fits"
    if row["mjd"] >= 0 and row["fieldid"] >= 0 and str(row["catalogid"]).isdigit():
        first = run in FIRST_RUNS_OF_SDSS5
        field, number = str(row["fieldid"]), str(row["catalogid"])
        return f"spec-{field if first else field.zfill(6)}-{row['mjd']}-{number.zfill(11) if first else number}.fits"
    raise InvalidError("the row has neither plate, mjd and fiberid nor fieldid, mjd and catalogid")


def not_of(release: str) -> str:
    """Say that a release does not have a spectrum, and which one does."""
    if release in SDSS5_RELEASES:
        return (
            f"release {release!r} keeps spectra of SDSS-V; for plates, name an earlier one, which has all of them: "
            'archive.release = "dr17" and its root'
        )
    return (
        f"a spectrum of a field and a catalogid is one of SDSS-V, which release {release!r} does not have: set "
        "archive.release and its root"
    )


def _plates(release: str, run: str) -> str:
    """Return the folder of a plate's reductions."""
    if release in SDSS5_RELEASES:
        raise InvalidError(not_of(release))
    return LEGACY_FOLDER if run in LEGACY_RUNS else FOLDERS[release]


def _kind(release: str, files: Files) -> str:
    return "lite/" if files == "lite" else "full/" if release in FULL_IN_A_FOLDER else ""
