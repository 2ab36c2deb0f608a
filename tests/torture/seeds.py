"""Whole files from which fuzzing starts: made here, or real ones where there are some."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import MaskedColumn, Table

CHECKOUT = Path(__file__).parents[2]
SMALL_FRAME, SMALL_SKY = (24, 32), (4, 5)
"""Rows and columns of a frame and of its sky, for which the reader is told to take them as an SDSS frame's."""
STAMP = 32


def real(pattern: str, most: int) -> Iterator[bytes]:
    """Yield some real files, evenly spread over those there are; none where there are no real data."""
    folder = Path(os.environ.get("SURVEY_BATCH_DATA", CHECKOUT.parent / "shared" / "data"))
    found = sorted(folder.glob(pattern))
    for path in found[:: max(len(found) // most, 1)][:most]:
        yield path.read_bytes()


def as_fits(*units: Any) -> bytes:
    """Return the bytes of a FITS file."""
    buffer = io.BytesIO()
    fits.HDUList(list(units)).writeto(buffer)
    return buffer.getvalue()


def lamost() -> Iterator[bytes]:
    """Yield short spectra of each layout."""
    size = 300
    random = np.random.default_rng(7)
    flux, ivar = random.normal(100, 5, size).astype("f4"), random.uniform(0, 1, size).astype("f4")
    wavelength, mask = 10 ** (3.5682 + 1e-4 * np.arange(size)), np.zeros(size, "f4")
    cards = {"COEFF0": 3.5682, "COEFF1": 1e-4, "OBSID": 7, "PLANID": "TEST", "SPID": 1, "FIBERID": 1, "VACUUM": True}
    for content, third in (("Flux, Inverse, Wavelength, Andmask", wavelength), ("Flux Inverse Subcontinuum", flux)):
        for kind in ("f4", "f8") if third is wavelength else ("f4", "i4"):
            unit = fits.PrimaryHDU(np.array([flux, ivar, third, mask, mask]).astype(kind))
            unit.header.update(cards | {"EXTEN0": content})
            yield as_fits(unit)
    named = {"FLUX": flux, "IVAR": ivar, "WAVELENGTH": wavelength, "ANDMASK": mask, "ORMASK": mask}
    columns = [fits.Column(name, f"{size}E", array=values[None]) for name, values in named.items()]
    yield as_fits(fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="COADD"))
    yield compressed_image(np.stack([flux, ivar]))


def lamost_medium() -> Iterator[bytes]:
    """Yield short medium-resolution spectra: rows and vectors, with both arms and with one."""
    size, mask = 60, np.zeros(60, "i4")
    random = np.random.default_rng(9)
    cards = {"OBSID": 7, "PLANID": "TEST", "SPID": 1, "FIBERID": 1, "VACUUM": True}
    for vectors, arms in ((False, "BR"), (True, "BR"), (True, "R")):
        primary = fits.PrimaryHDU()
        primary.header.update(cards)
        tables = []
        for name in (*(f"{arm}-84420148" for arm in arms), *(f"COADD_{arm}" for arm in arms)):
            loglam = np.log10(5000 if "B" in name else 6400) + 8e-6 * np.arange(size)
            named = {"FLUX": random.normal(100, 5, size).astype("f4"), "IVAR": random.uniform(0, 1, size).astype("f4")}
            named |= {"WAVELENGTH": 10**loglam} if vectors else {"LOGLAM": loglam}
            named |= {"ANDMASK": mask, "ORMASK": mask} if name.startswith("COADD") else {"PIXMASK": mask}
            rows = np.zeros(1 if vectors else size, [(key, x.dtype, (size,) * vectors) for key, x in named.items()])
            for key, values in named.items():
                rows[key] = values
            tables.append(fits.BinTableHDU(rows, name=name))
        yield as_fits(primary, *tables)


def compressed_image(pixels: Any) -> bytes:
    """Return a file whose image is packed as fpack does, which is refused."""
    return as_fits(fits.PrimaryHDU(), fits.CompImageHDU(pixels.astype("f4"), name="FLUX"))


def coadds() -> Iterator[bytes]:
    """Yield small coadds of DESI, with masks that are compressed and not."""
    grids = {"B": 3600 + 0.8 * np.arange(40), "R": 3624 + 0.8 * np.arange(30)}
    for pack in (fits.ImageHDU, fits.CompImageHDU):
        units = [fits.PrimaryHDU(), fits.BinTableHDU(Table({"TARGETID": [7, -8, 2**62 + 1]}), name="FIBERMAP")]
        for arm, grid in grids.items():
            flux = np.random.default_rng(3).normal(10, 1, (3, grid.size)).astype("f4")
            units += [fits.ImageHDU(grid, name=f"{arm}_WAVELENGTH"), fits.ImageHDU(flux, name=f"{arm}_FLUX")]
            units += [fits.ImageHDU(abs(flux), name=f"{arm}_IVAR"), pack((flux < 9).astype("i4"), name=f"{arm}_MASK")]
        yield as_fits(*units)


def fits_spectra() -> Iterator[bytes]:
    """Yield short spectra in the layouts that `simulate` writes."""
    from survey_batch.simulate.fits_spectra import LAYOUTS
    from survey_batch.spectra.synthetic.observation import Observation

    size, random = 200, np.random.default_rng(5)
    mask = np.zeros(size, "i4")
    wavelength, flux = 10 ** (3.5682 + 1e-4 * np.arange(size)), random.normal(10, 1, size)
    seen = Observation(wavelength, flux, random.uniform(0, 1, size), mask, mask, flux, {})
    for layout in LAYOUTS:
        yield as_fits(*layout(seen))


def frames() -> Iterator[bytes]:
    """Yield small frames of SDSS, with and without a sky."""
    rows, columns = SMALL_FRAME
    header = {
        "RUN": 1043, "CAMCOL": 5, "RERUN": "301", "FILTER": "u", "FRAME": 29, "TAI": 4515370000.0, "BUNIT": "nanomaggy",
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 16.0, "CRPIX2": 12.0, "CRVAL1": 3.64678195077,
        "CRVAL2": 15.73316366, "CD1_1": -6.69e-07, "CD1_2": 1.0997e-04, "CD2_1": 1.0995e-04, "CD2_2": 6.69e-07,
        "RADECSYS": "ICRS",
    }  # fmt: skip
    primary = fits.PrimaryHDU(np.random.default_rng(1).normal(size=SMALL_FRAME).astype("f4"))
    primary.header.update(header)
    sky = np.zeros(1, [("ALLSKY", ">f4", SMALL_SKY), ("XINTERP", ">f4", columns), ("YINTERP", ">f4", rows)])
    sky["ALLSKY"], sky["XINTERP"], sky["YINTERP"] = 1, np.arange(columns) / 8, np.arange(rows) / 8
    trans = np.zeros(1, [("RUN", ">i4"), ("FIELD", ">i4"), ("A", ">f8")])
    trans["FIELD"] = 25
    units = [primary, fits.ImageHDU(np.ones(columns, "f4")), fits.BinTableHDU(sky), fits.BinTableHDU(trans)]
    yield as_fits(*units)
    yield as_fits(*units[:3])
    yield compressed_image(np.zeros(SMALL_FRAME))


def stamps() -> Iterator[bytes]:
    """Yield exposures with an ivar, and with a noise."""
    random = np.random.default_rng(3)
    flux = random.normal(size=(3, STAMP, STAMP)).astype("f4")
    names = np.array(["a", "b", "c"])
    columns = [fits.Column("OBJECT_ID", "4A", array=names), fits.Column("X", "D", array=np.arange(3.0))]
    columns.append(fits.Column("Y", "D", array=np.arange(3.0)))
    stars = fits.BinTableHDU.from_columns(columns, name="STARS")
    image = fits.ImageHDU(flux, name="FLUX")
    yield as_fits(fits.PrimaryHDU(), image, fits.ImageHDU(np.ones_like(flux), name="IVAR"), stars)
    yield as_fits(fits.PrimaryHDU(), image, fits.ImageHDU(np.ones(3, "f4"), name="NOISE"), stars)
    yield compressed_image(flux)


def pictures() -> Iterator[bytes]:
    """Yield images as SkyServer draws them."""
    from PIL import Image

    pixels = np.random.default_rng(5).integers(0, 255, (64, 64, 3), np.uint8)
    for form, options in (("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("PNG", {"optimize": True})):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, form, **options)
        yield buffer.getvalue()
    for mode in ("L", "P", "RGBA", "CMYK", "1"):
        buffer = io.BytesIO()
        Image.fromarray(pixels).convert(mode).save(buffer, "JPEG" if mode == "CMYK" else "PNG")
        yield buffer.getvalue()


def table() -> Table:
    """Return a small catalogue of SDSS objects with a bit of everything."""
    key = {"run": 1006, "rerun": 301, "camcol": 6, "field": 11}
    return Table(
        {
            "objid": np.array([1237648704577142822, 1237648704577142829, 1237648704577142836]),
            "ra": [64.2211589, 64.2231583, 64.2223329] * _unit("deg"),
            "dec": [1.1315147, -0.0044796, 1.0683275] * _unit("deg"),
            **{name: np.full(3, value) for name, value in key.items()},
            "class": ["STAR", "GALAXY", "QSO"],
            "snr": MaskedColumn([1.0, 2.0, 3.0], mask=[False, True, False]),
            "primary": [True, False, True],
        }
    )


def _unit(name: str) -> Any:
    from astropy import units

    return units.Unit(name)


def written(form: str, whole: Table | None = None, **options: Any) -> bytes:
    """Write the catalogue in one of astropy's formats."""
    whole = table() if whole is None else whole
    if form in ("fits", "votable"):
        buffer = io.BytesIO()
        whole.write(buffer, format=form, **options)
        return buffer.getvalue()
    text = io.StringIO()
    whole.write(text, format=form, **options)
    return text.getvalue().encode()


def csv() -> Iterator[bytes]:
    """Yield comma-separated values as different programs write them, and the heads of real ones."""
    plain = written("ascii.csv")
    yield plain
    for delimiter in ("|", ";", "\t"):
        yield plain.replace(b",", delimiter.encode())
    yield b"#Table1\n" + plain
    yield b"sep=,\n" + plain
    yield b"# " + plain
    for raw in (*real("catalogs/*.csv", 2), *real("lamost/catalog.csv", 1), *real("sdss/sources.csv", 1)):
        yield b"\n".join(raw.split(b"\n")[:12]) + b"\n"


def vizier() -> Iterator[bytes]:
    """Yield a table as VizieR writes it: comments, names, units and a line of dashes above the rows."""
    names = "objid\trun\trerun\tcamcol\tfield\tRAJ2000\tDEJ2000\tcl"
    rows = "\n".join(f"{1000 + n}\t1006\t301\t6\t{n}\t{n + 0.5:.6f}\t{-n:.6f}\tSTAR" for n in range(4))
    sexagesimal = rows.replace("0.500000", "00 02 00.00").replace("-0.000000", "-00 00 01.0")
    dashes = "\t".join("-" * len(name) for name in names.split("\t"))
    for units, body in (("\t\t\t\t\tdeg\tdeg\t", rows), ('\t\t\t\t\t"h:m:s"\t"d:m:s"\t', sexagesimal)):
        yield f"#RESOURCE=yCat_5147\n#Name: V/147\n#Title: x\n\n{names}\n{units}\n{dashes}\n{body}\n".encode()


def ecsv() -> Iterator[bytes]:
    """Yield ECSV with its YAML."""
    whole = table()
    whole["ra"].description = "right ascension: of epoch"
    whole.meta["comments"] = ["a", "b"]
    yield written("ascii.ecsv", whole)
    yield written("ascii.ecsv", whole, delimiter=",")
    whole["v"] = np.zeros((3, 2))
    yield written("ascii.ecsv", whole)


def votable() -> Iterator[bytes]:
    """Yield VOTables in their three encodings of rows, and one that was cut off."""
    for form in ("tabledata", "binary", "binary2"):
        yield written("votable", tabledata_format=form)
    told = b'<INFO name="QUERY_STATUS" value="OVERFLOW">most</INFO><TABLE'
    yield written("votable").replace(b"<TABLE", told, 1)


def fits_tables() -> Iterator[bytes]:
    """Yield FITS tables, binary and of text, with what astropy adds to them."""
    yield written("fits")
    vectors = table()
    vectors["v"] = np.zeros((3, 4), "f4")
    vectors["ra"].description = "x"
    vectors["flux"] = [1.0, 2.0, 3.0] * _unit("solLum / Angstrom")
    yield written("fits", vectors)
    lists = np.empty(3, object)
    lists[:] = [np.arange(n, dtype="f4") for n in range(3)]
    columns = [fits.Column("ra", "D", array=[1.0, 2.0, 3.0]), fits.Column("dec", "D", array=[1.0, 2.0, 3.0])]
    columns += [fits.Column(name, "J", null=-1, array=[1, 2, 3]) for name in ("run", "rerun", "camcol", "field")]
    heap = fits.Column("heap", "PE()", array=lists)
    unsigned = fits.Column("objid", "K", bzero=2**63, array=np.array([2**63 + 1, 2, 3], np.uint64))
    logical = fits.Column("primary", "L", array=np.array([True, False, True]))
    yield as_fits(fits.PrimaryHDU(), fits.BinTableHDU.from_columns([*columns, heap, unsigned, logical]))
    text = [fits.Column(name, form, array=[1, 2, 3], ascii=True) for name, form in (("ra", "F12.6"), ("dec", "E15.7"))]
    text += [fits.Column(name, "I6", array=[1, 2, 3], ascii=True) for name in ("run", "rerun", "camcol", "field")]
    yield as_fits(fits.PrimaryHDU(), fits.TableHDU.from_columns(text))


def text_tables(form: str) -> Iterator[bytes]:
    """Yield a machine-readable table (`mrt`) or an IPAC table (`ipac`)."""
    whole = table()
    whole.remove_column("primary")
    yield written(f"ascii.{form}", whole)
    if form == "mrt":
        from astropy.coordinates import SkyCoord

        whole["sky"] = SkyCoord(whole["ra"], whole["dec"])
        whole.remove_columns(["ra", "dec"])
        yield written("ascii.mrt", whole)


def parquet() -> Iterator[bytes]:
    """Yield Parquet files with different encodings and types."""
    whole = table()
    columns = {name: whole[name].tolist() for name in whole.colnames}
    nested = {**columns, "v": [[1.0], [], None], "s": [{"a": 1}] * 3}
    encoded = pa.table(columns)
    encoded = encoded.set_column(7, "class", encoded["class"].dictionary_encode())
    for rows, options in (
        (pa.table(columns), {"compression": "none"}),
        (pa.table(columns), {"compression": "zstd", "data_page_version": "2.0"}),
        (pa.table(nested), {"compression": "snappy", "row_group_size": 1}),
        (encoded, {"compression": "none", "use_dictionary": True}),
    ):
        buffer = io.BytesIO()
        pq.write_table(rows, buffer, **options)
        yield buffer.getvalue()


def jobs() -> Iterator[bytes]:
    """Yield the job files that come with the project."""
    for path in sorted((CHECKOUT / "jobs").glob("*.toml")):
        yield path.read_bytes()


def manifests() -> Iterator[bytes]:
    """Yield manifests of classifiers with a grid, with names and with figures."""
    from survey_batch.models.manifest import Manifest
    from survey_batch.models.recipe import Grid, Recipe

    spectra = Recipe(
        product="spectra", variables=("flux",), shape=(3909,), grid=Grid(first=35682, count=3909), units={"flux": "1"}
    )
    features = Recipe(
        product="features", variables=("features",), shape=(4,), names={"feature": ("a", "b")}, made={"x.y": [1, 2]}
    )
    for recipe in (spectra, features):
        manifest = Manifest(
            kind="spectral-type",
            variant="forest",
            classes=("A", "F", "G"),
            recipe=recipe,
            metrics={"accuracy": 0.9, "per_class": {"A": [1, 2]}},
            versions={"numpy": "2"},
        )
        yield manifest.model_dump_json(indent=1).encode()


def problems() -> Iterator[bytes]:
    """Yield a shard's notes of problems."""
    from datetime import UTC, datetime

    from survey_batch.store.problems import PROBLEM_SCHEMA

    note = {"object_id": "a", "stage": "spectra", "status": "not_found", "message": "no file x", "source": "/a/x"}
    rows = [{**note, "time": datetime.now(UTC), "row": row} for row in range(3)]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=PROBLEM_SCHEMA), buffer)
    yield buffer.getvalue()
