"""What is fuzzed: each target has whole files to start from, a way to change them, and the reader of the product."""

import contextlib
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import numpy as np

from survey_batch.archive.decompress import LAMOST_CEILING, SDSS_CEILING, decompress
from survey_batch.archive.download import Archive
from survey_batch.archive.fits_units import extensions, primary_unit
from survey_batch.core.errors import SurveyBatchError
from tests.jobs import archive_section
from tests.torture import mutations, seeds
from tests.torture.mutations import Mutation
from tests.torture.target import Target

# ------------------------------------------------------------------------------------------------- files of archives


_section = lru_cache(archive_section)


def _archive(path: Path, survey: str) -> Archive:
    return Archive(_section(survey, root=str(path.parent)))


def _read_units(path: Path) -> None:
    """Use everything that the FITS code can tell of a file."""

    def use(raw: bytes) -> None:
        primary = primary_unit(decompress(raw, LAMOST_CEILING))
        for unit in (primary, *extensions(primary)):
            for part in (unit.numbers, unit.rows, lambda unit=unit: [unit.column(key) for key in ("X", "FLUX", "A")]):
                with contextlib.suppress(SurveyBatchError):
                    part()

    _archive(path, "lamost").read(path.name, use)


ROW = {"object_id": "x", "ra": 10.0, "dec": 1.0, "obsid": "7", "planid": "TEST", "spid": 1, "fiberid": 1}


def _read_spectrum(path: Path) -> None:
    """Read a spectrum of LAMOST; of a file that is ours, we know whose it is."""
    from survey_batch.surveys.lamost.reader import LamostSpectra

    row = ROW if b"= 'TEST" in path.read_bytes() else {"object_id": "x", "ra": np.nan, "dec": np.nan}
    _onto_grid(path, LamostSpectra, "lamost", row)


def _read_medium(path: Path) -> None:
    """Read a medium-resolution spectrum of LAMOST, onto a grid with the step of its files too."""
    from survey_batch.surveys.lamost_medium.reader import LamostMediumSpectra

    row = ROW | {"ra": np.nan, "dec": np.nan}
    for step in (1e-4, 8e-6):
        _onto_grid(path, LamostMediumSpectra, "lamost-medium", row, grid=(4900, 6900, step))


def _read_coadd(path: Path) -> None:
    from survey_batch.surveys.desi.reader import DesiCoadds

    _onto_grid(path, DesiCoadds, "desi", {"object_id": "x", "targetid": str(2**62 + 1)})


def _read_any_spectrum(path: Path) -> None:
    """Read a spectrum with our layouts alone: specutils is not ours."""
    from survey_batch.surveys.fits_spectra.reader import FitsSpectra

    row = {"object_id": "x", "spectrum": 0, "targetid": "", "ra": np.nan, "dec": np.nan}
    keys = {"medium": "air", "wavelength_unit": "Angstrom", "without_errors": "equal", "flux_unit": "as-is"}
    with mock.patch.dict("sys.modules", {"specutils": None}):
        _onto_grid(path, FitsSpectra, "fits-spectra", row, **keys)


def _onto_grid(
    path: Path, reader: Any, survey: str, row: dict[str, Any], grid: tuple[float, ...] = (3700, 9000), **keys: str
) -> None:
    """Read a spectrum and put it on the grid, as the stage does."""
    from survey_batch.spectra.grid import Spectrum, log_grid, to_grid
    from survey_batch.stages.spectra import SpectrumFile, read_file

    archive = Archive(_section(survey, root=str(path.parent), **keys))
    (found,) = read_file(archive, reader(archive.section), SpectrumFile(path.name, [0], [row]))
    if not isinstance(found, Spectrum):
        raise found
    flux, ivar, mask = to_grid([found], log_grid(*grid))
    if np.isnan(flux[mask == 0]).any() or (ivar[mask == 0] <= 0).any():
        raise AssertionError("a good pixel without a value")


def _read_frame(path: Path, *, small: bool) -> None:
    """Read a frame with its sky, and find a position on it."""
    from survey_batch.images.aperture_correction import measure_correction
    from survey_batch.images.wcs import pixel_to_sky, sky_to_pixel
    from survey_batch.surveys.sdss import files

    if small:
        key, band = files.FieldKey(301, 1043, 5, 25), "u"
        shapes = mock.patch.multiple(files, FRAME_SHAPE=seeds.SMALL_FRAME, SKY_SHAPE=seeds.SMALL_SKY)
    else:
        key, band, shapes = files.FieldKey(301, 1006, 6, 11), "g", contextlib.nullcontext()

    def use(raw: bytes) -> None:
        frame = files.read_frame(decompress(raw, SDSS_CEILING), key, band, sky=True)
        pixel_to_sky(frame.wcs, *np.array([[1.0, 5.0], [1.0, 5.0]]))
        sky_to_pixel(frame.wcs, *np.array([[3.6, 200.0], [15.7, -90.0]]))
        if not small:
            measure_correction(frame.image, frame.calibration)

    with shapes:
        _archive(path, "sdss").read(path.name, use)


def _read_stamps(path: Path) -> None:
    from survey_batch.surveys.stamps.stage import _read

    _archive(path, "stamps").read(path.name, _read)


def _read_picture(path: Path) -> None:
    from survey_batch.surveys.skyserver.service import fetch_image, open_skyserver

    fetch_image(open_skyserver(_section("skyserver", root=str(path.parent))), path.name, 64)


def _unpack(path: Path) -> None:
    _archive(path, "lamost").read(path.name, lambda raw: decompress(raw, 1_000_000))


# ------------------------------------------------------------------------------------------------------- catalogues


def _read_catalog(path: Path) -> None:
    from survey_batch.catalog import read_catalog
    from survey_batch.config.job import CatalogSection

    raw = path.read_bytes()
    labelled = {"label": "class"} if b"class" in raw else {}
    survey = "lamost" if b"planid" in raw else "sdss"
    section = CatalogSection.model_validate({"path": str(path), **labelled})
    read_catalog(section, _section(survey, root="/archive"))


SQL = (
    "ra", "dec", "run", "deg", "rad", "hourangle", "h", "class", "objid", "-9999", "#", "sep=;", '"', "--",
    "\ufeff",
)  # fmt: skip
XML = (
    'arraysize="*"', 'arraysize="99999999999"', 'arraysize="2x2x*"', 'datatype="bit"', 'datatype="unicodeChar"',
    "<TABLE>", "</TABLE>", "<RESOURCE>", "<TR>", "<TD>", '"floatComplex"', '"boolean"', 'encoding="gzip"',
    'href="file:///etc/hosts"', 'nrows="99999999999"', 'ref="ra"', 'ID="ra"', '<!DOCTYPE a [<!ENTITY b "c">]>',
    "&b;", "&#0;", "<![CDATA[", "<STREAM>", "<GROUP>", '<VALUES null="1"/>', 'value="ERROR"', 'version="9"',
    'xmlns="x"', 'precision="F99"', 'width="-1"',
)  # fmt: skip
YAML = (
    "!!python/object/apply:os.system [ls]", "&a", "*a", "- {name: ra}", "datatype: float64", "datatype: object",
    "subtype:", "'float64[9999999]'", "delimiter: ','", "schema: astropy-2.0", "---", "!!omap", "? x", "{", "[",
    ": ", "|", ">", "%ECSV 9", "meta: !!set {a}", "__serialized_columns__", "unit: !astropy.units.Unit {unit: x}",
    "name: [1, 2]", "name: ~", "@", "`",
)  # fmt: skip
MRT = (
    "Byte-by-byte Description of file: x", "Bytes Format Units Label Explanations", "A9999", "F99.99", "I0", "E",
    "1- 9999999", "---", "[0/9]?", "?=-9", "Note (1):", "RAh", "DE-", "deg", "==", "--------",
)  # fmt: skip
IPAC = ("|", "\\", "\\fixlen = T", "char", "double", "int", "null", "real", "| |", "|x|x|", "\\x = 1")
TOML = (
    "[", "]", "[[", "]]", "{", "}", "=", ".", '"""', "'''", "inf", "nan", "1979-05-27T07:32:00Z", "0b1",
    "[catalog]", "[x.y]", "[train]", "[custom.x]", "[cluster]", "survey = 'lamost'", "kind = 1", "a.b.c = 1",
    "stages = []", "path = 1", "$HOME", "${NOT_SET}", "1_000", "-9223372036854775809", "\\u0000",
    "{a = {b = {c = 1}}}", "true",
)  # fmt: skip
JSON = (
    "{", "}", "[", "]", "null", "1e999", "NaN", '"count": 1e15', "99999999999999", '"../x"', '"a.keras"', "-1",
    '"\\ud800"',
)  # fmt: skip


def _read_job(path: Path) -> None:
    from survey_batch.config.jobfile import load_job

    load_job(path)


def _read_manifest(path: Path) -> None:
    """Read a manifest, and compare a product with it, which an error need not name."""
    from survey_batch.models.artifact import read_manifest

    recipe = read_manifest(path.parent).recipe
    wavelength = 10 ** (1e-4 * (35682 + np.arange(3909)))
    with contextlib.suppress(SurveyBatchError):
        recipe.check_product({"wavelength": wavelength, "feature": np.array(["a", "b"])}, {"flux": (3909,)})
    with contextlib.suppress(SurveyBatchError):
        recipe.check_product({"wavelength": wavelength[:9]}, {"flux": (9,)})


def _read_problems(path: Path) -> None:
    from survey_batch.store.notes import collect_problems, problems_of
    from survey_batch.store.problems import count_reasons, read_problems
    from survey_batch.store.schema import Shard

    output = str(path.parent.parent)
    problems_of(output, "spectra", [Shard("object", 0, 0, 10)])
    collect_problems(output)
    count_reasons(read_problems(output))


# --------------------------------------------------------------------------------------------------------------- all

_FITS = mutations.packed(mutations.fits)
_LAMOST_FILES = "lamost/spectra/*.fits*"


def _unpacked(pattern: str, most: int, ceiling: int) -> list[bytes]:
    return [decompress(raw, ceiling) for raw in seeds.real(pattern, most)]


def _packed(raw: bytes, random: Random) -> bytes:
    return mutations.packed(mutations.damaged, plain=0.02)(raw, random)


def _table(tokens: tuple[str, ...]) -> Mutation:
    return mutations.packed(mutations.text(tokens), plain=0.97)


TARGETS = {
    target.name: target
    for target in (
        Target(
            "FITS units",
            lambda: chain(seeds.lamost(), seeds.frames(), seeds.stamps(), seeds.fits_tables()),
            _FITS,
            _read_units,
            "units.fits",
            weight=6,
        ),
        Target(
            "LAMOST spectra",
            lambda: chain(seeds.lamost(), _unpacked(_LAMOST_FILES, 12, LAMOST_CEILING)),
            _FITS,
            _read_spectrum,
            "spectrum.fits",
            weight=6,
        ),
        Target(
            "LAMOST spectra, medium resolution",
            seeds.lamost_medium,
            _FITS,
            _read_medium,
            "spectrum.fits",
            weight=4,
        ),
        Target("DESI coadds", seeds.coadds, _FITS, _read_coadd, "coadd.fits", weight=4),
        Target("spectra in FITS files", seeds.fits_spectra, _FITS, _read_any_spectrum, "spectrum.fits", weight=6),
        Target("SDSS frames, small", seeds.frames, _FITS, partial(_read_frame, small=True), "frame.fits", weight=6),
        Target(
            "SDSS frames",
            lambda: _unpacked("sdss/**/301/1006/6/frame-g-001006-6-0011.fits.bz2", 1, SDSS_CEILING),
            mutations.packed(mutations.fits, plain=1),
            partial(_read_frame, small=False),
            "frame.fits",
            weight=0.03,
        ),
        Target("stamps", seeds.stamps, _FITS, _read_stamps, "exposure.fits", weight=6),
        Target("drawn images", seeds.pictures, mutations.damaged, _read_picture, "image.jpg", weight=4),
        Target(
            "gzip and bzip2",
            lambda: [b"SIMPLE  =" * 100, b"SIMPLE  =" + bytes(5000)],
            _packed,
            _unpack,
            "packed.gz",
            weight=6,
        ),
        Target("catalogue: CSV", seeds.csv, _table(SQL), _read_catalog, "catalogue", weight=0.5),
        Target("catalogue: VizieR", seeds.vizier, _table(SQL), _read_catalog, "catalogue", weight=0.5),
        Target("catalogue: ECSV", seeds.ecsv, _table(YAML), _read_catalog, "catalogue", weight=0.3),
        Target("catalogue: VOTable", seeds.votable, _table(XML), _read_catalog, "catalogue", weight=0.3),
        Target(
            "catalogue: FITS",
            seeds.fits_tables,
            mutations.packed(mutations.fits, plain=0.95),
            _read_catalog,
            "catalogue",
            weight=0.7,
        ),
        Target(
            "catalogue: MRT", partial(seeds.text_tables, "mrt"), _table(MRT), _read_catalog, "catalogue", weight=0.3
        ),
        Target(
            "catalogue: IPAC", partial(seeds.text_tables, "ipac"), _table(IPAC), _read_catalog, "catalogue", weight=0.3
        ),
        Target("catalogue: Parquet", seeds.parquet, mutations.parquet, _read_catalog, "catalogue", weight=0.7),
        Target("job files", seeds.jobs, mutations.text(TOML), _read_job, "job.toml"),
        Target(
            "classifier manifests", seeds.manifests, mutations.text(JSON), _read_manifest, "manifest.json", weight=2
        ),
        Target(
            "problem notes",
            seeds.problems,
            mutations.parquet,
            _read_problems,
            "problems/spectra-000000.parquet",
            names="problems",
            weight=0.3,
        ),
    )
}
