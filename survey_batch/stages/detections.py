"""The `detections` product: the sources on each field's frame, and which of them are good for its PSF."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.config.sections.detect import DetectSection
from survey_batch.core.arrays import F4
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.images.detect import Detections, detect, load_sep
from survey_batch.images.frame import Frame, Sky
from survey_batch.images.ivar import Ccd, inverse_variance, sky_counts
from survey_batch.images.psf_rule import METRICS, Judgement, judge
from survey_batch.images.reader import ImageReader
from survey_batch.images.wcs import pixel_to_sky
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.stages.base import Block, Coordinates, Cost, Stage
from survey_batch.stages.context import Context
from survey_batch.stages.frame_source import ArchiveFrames, check_bands
from survey_batch.stages.frames import field_of, field_variables
from survey_batch.store.schema import Variable

DETECT_CPU_SECONDS = 0.4
"""Time to find the sources of a frame of 2048 x 1489 pixels on a core of a 2-core cloud machine (AMD EPYC of 2024)."""
RULE_CPU_SECONDS = 0.4
"""Time to fit its PSF and judge its sources on the same machine."""
FRAME_COPIES = 16
"""Maximum number of frame-sized arrays, of 4 bytes per pixel, in memory at a time."""

LABELS = ("", "other", "good")
"""Meaning of the numbers in `label`: not judged, and the two classes."""

PIXELS = {"units": "pixel"}
FLUX = {"units": "nanomaggy"}
POSITION = {**PIXELS, "comment": "0-based: 0 is the centre of the first pixel of the frame"}
PER_PIXEL = {"units": "nanomaggy / pixel"}

SEP_FLAGS = {
    "blended": 1,
    "cut_by_edge": 2,
    "overflow": 4,
    "singular": 8,
    "aperture_cut_by_edge": 16,
    "aperture_partly_masked": 32,
    "aperture_masked": 64,
    "aperture_not_positive": 128,
}
"""The constants `OBJ_…` and `APER_…` of sep, in our words."""

MEASURED: dict[str, tuple[str, dict[str, Any]]] = {
    "x": ("f8", {"long_name": "column of the windowed centroid", **POSITION}),
    "y": ("f8", {"long_name": "row of the windowed centroid", **POSITION}),
    "ra": ("f8", {"long_name": "right ascension of the centroid (ICRS)", "units": "degree"}),
    "dec": ("f8", {"long_name": "declination of the centroid (ICRS)", "units": "degree"}),
    "flux": ("f4", {"long_name": "flux within four half-light radii", **FLUX}),
    "error": ("f4", {"long_name": "standard error of flux", **FLUX}),
    "a": ("f4", {"long_name": "semi-major axis, from second moments", **PIXELS}),
    "b": ("f4", {"long_name": "semi-minor axis, from second moments", **PIXELS}),
    "half_light_radius": ("f4", {"long_name": "radius of the circle with half of the light", **PIXELS}),
    "peak": ("f4", {"long_name": "value of the brightest pixel", **PER_PIXEL}),
    "sky": ("f4", {"long_name": "background left on the frame under the source", **PER_PIXEL}),
    "flag": (
        "u1",
        {
            "long_name": "what sep says about the source",
            "flag_masks": list(SEP_FLAGS.values()),
            "flag_meanings": " ".join(SEP_FLAGS),
        },
    ),
}
JUDGED: dict[str, tuple[str, dict[str, Any]]] = {
    "share": ("f4", {"long_name": "scatter that the PSF leaves beyond the noise, as a share of flux", "units": "1"}),
    "scatter": ("f4", {"long_name": "scatter over what noise and the PSF lead one to expect", "units": "1"}),
    "second": ("f4", {"long_name": "second largest residual over what is expected in its pixel", "units": "1"}),
    "chi": ("f4", {"long_name": "root mean square of residual over expected noise", "units": "1"}),
    "label": (
        "u1",
        {
            "long_name": "whether the source is good for building a PSF",
            "flag_values": list(range(len(LABELS))),
            "flag_meanings": "not_judged other good",
        },
    ),
}


@dataclass(frozen=True, eq=False)
class Found:
    """Sources of one frame, and the rule's judgement on them if it was applied."""

    detections: Detections
    judgement: Judgement | None


def find_detections(frame: Frame, ccd: Ccd, section: DetectSection) -> Found:
    """Find and judge the sources of a frame that was read with its sky."""
    if frame.sky is None:
        raise ValueError("the frame was read without its sky")
    sigma, counts = frame_noise(frame, frame.sky, ccd)
    limits = (section.threshold, section.area, section.mesh)
    detections = detect(frame.image, sigma, threshold=limits[0], area=limits[1], mesh=limits[2])
    judgement = judge(frame.image, sigma, counts, detections, section.rule) if section.rule is not None else None
    return Found(detections, judgement)


def frame_noise(frame: Frame, sky: Sky, ccd: Ccd) -> tuple[F4, F4]:
    """Return the expected noise [nanomaggy] and the counts, including sky, of each pixel of a frame."""
    rows, columns = (np.arange(length)[None] for length in frame.image.shape)
    level = sky_counts(sky, rows, columns)
    unit = frame.calibration[None]
    ivar = inverse_variance(frame.image[None], unit, level, ccd)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.where(ivar > 0, 1 / np.sqrt(ivar), np.float32(np.nan))
        counts = np.where(unit > 0, frame.image / unit + level[0], np.float32(np.nan))
    return sigma.astype(np.float32), counts.astype(np.float32)


class DetectionsStage(Stage):
    """Stage that finds a job's objects on the frames of its fields."""

    name = "detections"
    axis = "frame"
    phase = "ingest"
    from_fields = True

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.section = context.table(DetectSection)

    @cached_property
    def reader(self) -> ImageReader:
        """The reader of the survey's frames."""
        return self.context.origin.images()

    def settings(self) -> dict[str, Any]:
        """Return the archive, and how sources are found and judged."""
        own = self.section.model_dump(mode="json")
        return {**self.context.origin.settings(), **{f"catalog.detect.{key}": value for key, value in own.items()}}

    def check(self) -> None:
        """Refuse a band that the survey does not have, and to start if the library is missing."""
        check_bands(self.reader, self.section.band, "catalog.detect.band")
        if not self.reader.knows_noise:
            survey = self.context.origin.survey.name
            raise ConfigurationError(
                f"catalog.detect: the noise of the pixels of survey {survey!r} is not known, so no limit can be set"
            )
        load_sep()

    def sizes(self) -> dict[str, int]:
        """Return the number of slots per field."""
        return {"source": self.section.most}

    def variables(self) -> tuple[Variable, ...]:
        """Return the sources' measurements, their number, and the field's key."""
        named = MEASURED | (JUDGED if self.section.rule is not None else {})
        return (
            *(Variable(name, ("frame", "source"), dtype, attrs) for name, (dtype, attrs) in named.items()),
            Variable(
                "count", ("frame",), "i4", {"long_name": "number of sources", "comment": "further slots are unused"}
            ),
            Variable(
                "fwhm",
                ("frame",),
                "f4",
                {"long_name": "full width at half maximum of the PSF, in the middle of its stars", **PIXELS},
            ),
            *field_variables(self.context.origin),
        )

    def coordinates(self) -> Coordinates:
        """Return nothing: the fields' keys are variables."""
        return {}

    def compute(self, rows: Rows, inputs: Rows) -> Block:  # noqa: ARG002
        """Find the sources of each field."""
        block, band = self.empty_block(len(rows[self.context.origin.field[0]])), self.section.band
        source = ArchiveFrames(self.context.origin, band, sky=True)
        for row in range(len(rows[self.context.origin.field[0]])):
            key = field_of(self.context.origin.field, rows, row)
            for name, value in zip(self.context.origin.field, key, strict=True):
                block.data[name][row] = value
            frame = source.decode(key)[band]
            if isinstance(frame, Frame):
                self._store(
                    block,
                    row,
                    frame,
                    find_detections(frame, source.ccd(key, band), self.section),
                    source.url(key, band),
                )
            else:
                block.fail(row, frame.status, str(frame), source.url(key, band), frame.traceback)
        return block

    def _store(self, block: Block, row: int, frame: Frame, found: Found, url: str) -> None:
        """Put a field's sources into its slots, brightest first; note what is missing."""
        detections, judgement, room = found.detections, found.judgement, self.section.most
        number = min(len(detections), room)
        ra, dec = pixel_to_sky(frame.wcs, detections.x, detections.y)
        values = {**vars(detections), "ra": ra, "dec": dec, **_judged(judgement)}
        for name in values.keys() & block.data.keys():
            block.data[name][row, :number] = values[name][:number]
        block.data["count"][row] = number
        if judgement is not None and judgement.psf is not None:
            block.data["fwhm"][row] = judgement.psf.fwhm
        if len(detections) > room:
            text = f"{len(detections)} sources, and catalog.detect.most is {room}: the faintest are left out"
            block.fail(row, Status.PARTIAL, text, url)
        elif judgement is not None and judgement.psf is None:
            text = f"too few bright single stars ({int(judgement.candidate.sum())}): no PSF, and no source is judged"
            block.fail(row, Status.PARTIAL, text, url)

    def cost(self, plan: Plan) -> Cost:
        """Estimate one file per field."""
        files = plan.size("frame")
        seconds = self.reader.read_seconds + DETECT_CPU_SECONDS + (RULE_CPU_SECONDS if self.section.rule else 0.0)
        memory = FRAME_COPIES * 4 * self.reader.grid.rows * self.reader.grid.columns
        return Cost(files, files * self.reader.file_bytes, memory, files * seconds)

    def row_name(self, rows: Rows, row: int) -> str:
        """Return the field's key."""
        return self.reader.name(field_of(self.context.origin.field, rows, row))


def _judged(judgement: Judgement | None) -> dict[str, npt.NDArray[Any]]:
    if judgement is None:
        return {}
    known = judgement.psf is not None
    label = np.where(judgement.good, LABELS.index("good"), LABELS.index("other")) * known
    return {**{name: getattr(judgement, name) for name in METRICS}, "label": label}
