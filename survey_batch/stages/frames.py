"""The `frames` product: calibrated images, one shard per field."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from survey_batch.config.sections.images import CutoutsSection, FramesSection
from survey_batch.config.survey import Survey
from survey_batch.images.aperture_correction import measure_correction
from survey_batch.images.frame import CTYPE, CUNIT, Frame
from survey_batch.images.reader import Field, ImageReader
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.stages.base import Block, Coordinates, Cost, Stage
from survey_batch.stages.context import Context, Origin
from survey_batch.stages.frame_source import CORRECTION_VARIABLES, SKY_VARIABLES, TIME, ArchiveFrames, check_bands
from survey_batch.store.schema import Variable

INNER_CHUNK = (1, 1, 373, 512)
"""A quarter of a frame each way: a cutout touches at most four chunks."""

STORE_CPU_SECONDS = 0.05
"""Time to measure and store one frame of SDSS on a core of a 2-core cloud machine (AMD EPYC of 2024)."""

NOT_MEASURED = "1: not measured on these images"
"""Comment on aperture corrections that correct nothing (`ImageReader.corrects`)."""

WCS_VARIABLES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "crval": (
        ("world",),
        {
            "long_name": "right ascension and declination of the reference pixel",
            "units": "degree",
            "ctype": " ".join(CTYPE),
            "cunit": " ".join(CUNIT),
        },
    ),
    "crpix": (
        ("world",),
        {
            "long_name": "x and y of the reference pixel",
            "units": "pixel",
            "comment": "as in FITS: 1 is the centre of the first pixel",
        },
    ),
    "cd": (
        ("world", "pixel"),
        {"long_name": "world coordinates per pixel along x and y, CDi_j of FITS", "units": "degree / pixel"},
    ),
}
"""Parts of `FrameWcs`: their dimensions and attributes. `wcs_variables` adds the system of the sky coordinates."""


class FramesStage(Stage):
    """Stage that fetches, decompresses and calibrates the frames of the catalogue's objects."""

    name = "frames"
    axis = "frame"
    phase = "ingest"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.bands = context.table(FramesSection).bands
        self.with_sky = context.table(CutoutsSection).ivar

    @cached_property
    def reader(self) -> ImageReader:
        """The reader of the survey's frames."""
        return self.context.origin.images()

    @property
    def field(self) -> tuple[str, ...]:
        """Names of the columns that name a field."""
        return self.context.origin.field

    def check(self) -> None:
        """Refuse bands that the survey does not have."""
        check_bands(self.reader, self.bands, "frames.bands")

    def settings(self) -> dict[str, Any]:
        """Return the archive, the bands, and whether the sky is stored (needed for the inverse variance of cutouts)."""
        sky = {"cutouts.ivar": True} if self.with_sky else {}
        return {**self.context.origin.settings(), "frames.bands": self.bands, **sky}

    @property
    def status_dims(self) -> tuple[str, ...]:
        """Dimensions of `status`: one band can be missing while others are there."""
        return ("frame", "band")

    def sizes(self) -> dict[str, int]:
        """Return the numbers of bands and pixels."""
        return {
            "band": len(self.bands),
            "y": self.reader.grid.rows,
            "x": self.reader.grid.columns,
            "world": 2,
            "pixel": 2,
            **(dict(zip(("sky_y", "sky_x"), self.reader.sky_shape or (), strict=False)) if self.with_sky else {}),
        }

    def variables(self) -> tuple[Variable, ...]:
        """Return the image, calibration, WCS, time and the field's key."""
        return (
            Variable(
                "image",
                ("frame", "band", "y", "x"),
                "f4",
                {"long_name": "sky-subtracted flux", **per_pixel(self.reader)},
                chunks=INNER_CHUNK,
            ),
            Variable(
                "calibration",
                ("frame", "band", "x"),
                "f4",
                {"long_name": "nanomaggies per count in each column", "units": "nanomaggy / count"},
            ),
            *(_sky() if self.with_sky else ()),
            *correction_variables("frame", self.reader),
            *wcs_variables("frame", self.reader),
            time_variable("frame", self.reader),
            *field_variables(self.context.origin),
        )

    def coordinates(self) -> Coordinates:
        """Return the band names."""
        return {"band": (("band",), np.array(list(self.bands)), {"long_name": "name of each filter"})}

    def compute(self, rows: Rows, inputs: Rows) -> Block:  # noqa: ARG002
        """Read all bands of each field; a missing band does not affect the others."""
        source = ArchiveFrames(self.context.origin, self.bands, sky=self.with_sky)
        block = self.empty_block(len(rows[self.field[0]]))
        for row in range(len(rows[self.field[0]])):
            key = field_of(self.field, rows, row)
            for name, value in zip(self.field, key, strict=True):
                block.data[name][row] = value
            for band, (letter, frame) in enumerate(source.decode(key).items()):
                if isinstance(frame, Frame):
                    _store(block, row, band, frame)
                else:
                    block.fail_band(row, band, frame.status, str(frame), source.url(key, letter), frame.traceback)
        return block

    def cost(self, plan: Plan) -> Cost:
        """Estimate one file per field and band."""
        files = plan.size("frame") * len(self.bands)
        return Cost(
            files,
            files * self.reader.file_bytes,
            field_bytes(self.reader, len(self.bands)) * 2,
            files * (self.reader.read_seconds + STORE_CPU_SECONDS),
            at_once=len(self.bands),
        )

    def row_name(self, rows: Rows, row: int) -> str:
        """Return the field's key."""
        return self.reader.name(field_of(self.field, rows, row))


def _sky() -> tuple[Variable, ...]:
    per_band = ("frame", "band")
    sky = {"long_name": "sky that was subtracted, on a coarse grid", "units": "count / pixel"}
    position = {"units": "1", "comment": "0-based; bilinear, and constant beyond the edge"}
    return (
        Variable("sky", (*per_band, "sky_y", "sky_x"), "f4", sky),
        Variable(
            "sky_column", (*per_band, "x"), "f4", {"long_name": "place of each column of the image in sky", **position}
        ),
        Variable("sky_row", (*per_band, "y"), "f4", {"long_name": "place of each row of the image in sky", **position}),
    )


def correction_variables(axis: str, reader: ImageReader) -> tuple[Variable, ...]:
    """Return the variables for the aperture correction of the frame behind each row and band."""
    factor = "flux of a star within 7.4 arcsec, over the uncorrected psf_flux"
    of_frames = {} if reader.corrects else {"comment": NOT_MEASURED}
    typical = "0: too few on the frame, and the correction is that of a typical frame"
    fwhm = "full width at half maximum of the cores of the frame's stars"
    described = {
        "aperture_correction": ("f4", {"long_name": factor, "units": "1", **of_frames}),
        "aperture_correction_error": ("f4", {"long_name": "standard error of aperture_correction", "units": "1"}),
        "aperture_correction_stars": (
            "i4",
            {"long_name": "number of the frame's stars behind aperture_correction", "comment": typical},
        ),
        "psf_fwhm": ("f4", {"long_name": fwhm, "units": "pixel"}),
    }
    return tuple(Variable(name, (axis, "band"), dtype, attrs) for name, (dtype, attrs) in described.items())


def wcs_variables(axis: str, reader: ImageReader) -> Iterator[Variable]:
    """Yield the variables for the WCS of each row and band; attributes of `crval` complete it."""
    for name, (dims, attrs) in WCS_VARIABLES.items():
        system = {"radesys": reader.radesys} if name == "crval" else {}
        yield Variable(name, (axis, "band", *dims), "f8", {**attrs, **system})


def time_variable(axis: str, reader: ImageReader) -> Variable:
    """Return the variable for the time at which the frame behind each row and band was observed.

    It is a number, not a time of CF ("days since"): no calendar that xarray reads is in atomic time, so it would decode
    the number as UTC, which is half a minute off.
    """
    frame = "the frame" if axis == "frame" else "the frame of source_field"
    attrs = {
        "long_name": f"time at which {frame} was observed, as a modified Julian date",
        "units": "d",
        "time_scale": "TAI",
        "epoch": "1858-11-17T00:00:00",
        "comment": reader.time,
    }
    return Variable(TIME, (axis, "band"), "f8", attrs)


def field_bytes(reader: ImageReader, bands: int) -> int:
    """Return the memory of one field: pixels and compressed files of all bands."""
    return bands * (4 * reader.grid.rows * reader.grid.columns + reader.file_bytes)


def field_of(names: Sequence[str], rows: Rows, row: int) -> Field:
    """Return the field that a row of the plan names."""
    return tuple(rows[name][row : row + 1].tolist()[0] for name in names)


def key_type(survey: Survey, name: str) -> str:
    """Return the type of a variable that holds a column of the survey's key."""
    return {column.name: "i4" if column.kind == "integer" else "string" for column in survey.key}[name]


def field_variables(origin: Origin) -> Iterator[Variable]:
    """Yield the variables that name each field."""
    for name in origin.field:
        attrs = {"long_name": f"{name} of the field"}
        yield Variable(name, ("frame",), key_type(origin.survey, name), attrs, coordinate=True)


def per_pixel(reader: ImageReader) -> dict[str, str]:
    """Return the attribute that says in which unit the pixels are."""
    return {"units": f"{reader.unit} / pixel"}


def _store(block: Block, row: int, band: int, frame: Frame) -> None:
    block.data["image"][row, band] = frame.image
    block.data["calibration"][row, band] = frame.calibration
    block.data[TIME][row, band] = frame.mjd_tai
    for name in WCS_VARIABLES:
        block.data[name][row, band] = getattr(frame.wcs, name)
    correction = measure_correction(frame.image, frame.calibration)
    for part, name in CORRECTION_VARIABLES.items():
        block.data[name][row, band] = getattr(correction, part)
    if frame.sky is not None:
        for part, name in SKY_VARIABLES.items():
            block.data[name][row, band] = getattr(frame.sky, part)
