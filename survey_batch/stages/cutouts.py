"""The `cutouts` product: calibrated pixels around each object, complete wherever the run covers the whole window."""

from collections.abc import Collection
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np

from survey_batch.archive.partial import takes_parts
from survey_batch.archive.sources import mean_size
from survey_batch.config.file_reader import reader_of
from survey_batch.config.sections.images import CutoutsSection, FramesSection
from survey_batch.core.arrays import Flags
from survey_batch.core.errors import ConfigurationError, ReaderError
from survey_batch.core.paths import is_url
from survey_batch.core.pixel_mask import mask_attributes
from survey_batch.images.quality import MASK_BITS
from survey_batch.images.reader import Field, ImageReader
from survey_batch.planning.plan import Plan
from survey_batch.planning.stored import Rows
from survey_batch.stages.base import Block, Coordinates, Cost, Stage
from survey_batch.stages.context import Context
from survey_batch.stages.cutting import Cutting
from survey_batch.stages.frame_source import FEW, TIME, ArchiveFrames, check_bands, fields_in_memory
from survey_batch.stages.frames import (
    STORE_CPU_SECONDS,
    correction_variables,
    field_bytes,
    key_type,
    per_pixel,
    time_variable,
    wcs_variables,
)
from survey_batch.stages.stored_frames import Frames, StoredFrames
from survey_batch.store.products import earlier_version, open_group, product_exists, product_url
from survey_batch.store.schema import Variable

CUTOUT_CPU_SECONDS = 1e-4
"""Time to cut and store one 64-pixel cutout in one band on a core of a 2-core cloud machine (AMD EPYC of 2024)."""

SUBPIXEL_CPU_SECONDS = 3e-4
"""Time to resample one 64-pixel cutout in one band on the same machine."""

IVAR_CPU_SECONDS = 1.5e-4
"""Time for the inverse variance of one 64-pixel cutout in one band on the same machine."""

BLOCK_SHARE = 0.15
"""Share of a frame that is decompressed beyond the last row of a cutout, and of its time that is not decompression."""

FETCHED_SHARE = 0.1
"""Share of a frame's file that is fetched beyond the last row of a cutout."""

FIELDS_SEEN = 3
"""Fields whose files' sizes stand for all."""

BEYOND = "files of other fields that supply pixels beyond its edge, separated by blanks"

COUNTED = "from the pixel's own counts, sky, gain and dark variance; 0 where there is no pixel"
GIVEN = "of the archive's own noise; 0 where there is no pixel, and where one is masked"
"""Comments on inverse variances: those that follow from the sky, and those that frames bring along."""

FIELDS = {
    "source_field": "field that supplies every pixel it covers",
    "first_field": "first field that any pixel comes from",
    "last_field": "last field that any pixel comes from",
}


class CutoutsStage(Stage):
    """Stage that cuts a window around each object, from one frame of its run or from all frames that it touches."""

    name = "cutouts"

    @property
    def phase(self) -> str:  # type: ignore[override]
        """Phase of the stage: ingest if it reads straight from the archive."""
        return "prepare" if self.from_stored else "ingest"

    @property
    def reads_fields_of(self) -> tuple[str, ...]:  # type: ignore[override]
        """The product of frames, if it is stored."""
        return ("frames",) if self.from_stored else ()

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.section, self.frames = context.table(CutoutsSection), context.table(FramesSection)
        self.bands = self.frames.bands
        self.from_stored = self.frames.keep and "frames" in context.possible

    @cached_property
    def reader(self) -> ImageReader:
        """The reader of the survey's frames."""
        return self.context.origin.images()

    @cached_property
    def masked(self) -> bool:
        """Whether cutouts have masks; a notebook sets it."""
        return self.context.source is not None and self.reader.mask_bits is not None

    @property
    def unit(self) -> str:
        """Unit of the pixels."""
        return self.reader.unit if self.context.source else "nanomaggy"

    def settings(self) -> dict[str, Any]:
        """Return the archive, the bands and the cutouts' settings; storing frames does not change the pixels."""
        cutouts = self.section
        choices = {
            **({"cutouts.registration": cutouts.registration} if cutouts.registration != "pixel" else {}),
            **({"cutouts.ivar": True} if cutouts.ivar else {}),
            **({"cutouts.mask": True} if self.masked else {}),
            **({"cutouts.unit": self.unit} if self.unit != "nanomaggy" else {}),
            **({} if cutouts.aperture_correction else {"cutouts.aperture_correction": False}),
        }
        return {
            **self.context.source_settings(),
            "frames.bands": self.bands,
            "cutouts.size": cutouts.size,
            **choices,
        }

    def check(self) -> None:
        """Refuse bands that the survey does not have, and to cut from stored frames if no stage stores them."""
        check_bands(self.reader, self.bands, "frames.bands")
        if self.section.ivar and not self.reader.knows_noise:
            instead = f"set {self.reader.noise_key}, or " if self.reader.noise_key else ""
            raise ConfigurationError(
                f"cutouts.ivar: the noise of the pixels of survey {self.context.origin.survey.name!r} is not known; "
                f"{instead}leave cutouts.ivar out"
            )
        if not self.from_stored or "frames" in self.context.before:
            return
        output = self.context.output
        if not product_exists(output, "frames"):
            raise ConfigurationError(
                "cutouts are cut from stored frames, and there are none: add 'frames' to stages, or set "
                "frames.keep = false"
            )
        if TIME not in open_group(output, "frames"):
            raise earlier_version(product_url(output, "frames"), [TIME])

    def check_plan(self, plan: Plan) -> None:
        """Refuse bands that are one frame."""
        if not plan.size("frame"):
            return
        field = tuple(plan.fields[name][0].as_py() for name in self.context.origin.field)
        band_at: dict[str, str] = {}
        for band in self.bands:
            place = self.reader.place(field, band)
            if (other := band_at.setdefault(place, band)) != band:
                raise ConfigurationError(
                    f"frames.bands: bands {other} and {band} are one image, {place}: name one band, or say by "
                    f"{self.context.origin.survey.located_by()} where the others are"
                )

    def sizes(self) -> dict[str, int]:
        """Return the numbers of bands and pixels."""
        size = self.section.size
        return {"band": len(self.bands), "y": size, "x": size, "world": 2, "pixel": 2}

    def variables(self) -> tuple[Variable, ...]:
        """Return pixels, their coverage, the object's position in them, their WCS and time."""
        per_band = ("object", "band")
        position = {"units": "pixel", "comment": "0-based; integers are pixel centres"}
        return (
            Variable(
                "flux", (*per_band, "y", "x"), "f4", {"long_name": "sky-subtracted flux", **per_pixel(self.reader)}
            ),
            *(self._ivar() if self.section.ivar else ()),
            *(self._mask() if self.masked else ()),
            Variable(
                "coverage", per_band, "f4", {"long_name": "share of the cutout's pixels that are real", "units": "1"}
            ),
            Variable("x_object", per_band, "f8", {"long_name": "x of the object in its cutout", **position}),
            Variable("y_object", per_band, "f8", {"long_name": "y of the object in its cutout", **position}),
            *(correction_variables("object", self.reader) if self.section.aperture_correction else ()),
            *wcs_variables("object", self.reader),
            time_variable("object", self.reader),
            *self._fields(),
        )

    def _fields(self) -> tuple[Variable, ...]:
        origin = self.context.origin
        if self.reader.grid.overlap is None:
            texts = {name: f"{name} of the field that supplies the pixels" for name in origin.field}
            beyond = Variable("source_beyond", ("object",), "string", {"long_name": BEYOND})
            return (
                *(beyond,) * self.reader.stitches,
                *(
                    Variable(f"source_{name}", ("object",), key_type(origin.survey, name), {"long_name": text})
                    for name, text in texts.items()
                ),
            )
        return tuple(Variable(name, ("object",), "i4", {"long_name": text}) for name, text in FIELDS.items())

    def _ivar(self) -> tuple[Variable, ...]:
        given = self.reader.sky_shape is None
        attrs = {
            "long_name": "inverse variance of the flux",
            "units": f"pixel**2 / {self.unit}**2",
            "comment": GIVEN if given else COUNTED,
        }
        return (Variable("ivar", ("object", "band", "y", "x"), "f4", attrs),)

    def _mask(self) -> tuple[Variable, ...]:
        attrs = mask_attributes({**(self.reader.mask_bits or {}), **MASK_BITS})
        return (Variable("mask", ("object", "band", "y", "x"), "i4", attrs),)

    def coordinates(self) -> Coordinates:
        """Return the band names."""
        return {"band": (("band",), np.array(list(self.bands)), {"long_name": "name of each filter"})}

    def touches(self, fields: Collection[Field], objects: Rows) -> Flags:
        """Tell which objects lie on one of these fields, or so near that their window may reach it."""
        reach = 2 + self.section.size // self.reader.grid.step  # an object may lie beyond its own field, too
        near = {self.reader.beyond(field, step) for field in fields for step in range(-reach, reach + 1)}
        names = self.context.origin.field
        return np.array([key in near for key in zip(*(objects[name].tolist() for name in names), strict=True)], bool)

    def compute(self, rows: Rows, inputs: Rows) -> Block:  # noqa: ARG002
        """Cut all objects, field by field."""
        cutting = Cutting(self.section, self._source())
        return cutting.block(self.context.origin.field, rows, self.empty_block(len(rows["ra"])))

    @property
    def _whole(self) -> bool:
        """Whether frames are read whole, though the last objects may lie in their first rows."""
        return self.section.whole_frames or self.masked

    def _source(self) -> Frames:
        archive = ArchiveFrames(self.context.origin, self.bands, sky=self.section.ivar, whole=self._whole)
        return StoredFrames(self.context.output, archive) if self.from_stored else archive

    def cost(self, plan: Plan) -> Cost:
        """Estimate the pixels of a shard, and the frames of three fields if they come from the archive."""
        bands = len(self.bands)
        shard = min(self.context.shard_rows, plan.size("object")) * self.schema(1).row_nbytes
        cpu = plan.size("object") * bands * self._cutout_seconds() * (self.section.size / 64) ** 2
        if self.from_stored:
            at_once = bands if is_url(self.context.output) else 1  # `read_patches`
            return Cost(worker_bytes=2 * shard + field_bytes(self.reader, at_once), cpu_seconds=cpu)
        each, file_bytes = self._files(plan)
        planes = 1 + (self.section.ivar and self.reader.sky_shape is None) + self.masked
        files = plan.size("frame") * each
        fields = (fields_in_memory(self.reader) + 1) * planes * field_bytes(self.reader, bands)
        read_seconds = self.reader.read_seconds * file_bytes / self.reader.file_bytes
        rows = self._share_of_rows(plan)
        cpu += files * (read_seconds + STORE_CPU_SECONDS) * min(1.0, rows + BLOCK_SHARE)
        parts = rows < 1 and takes_parts(self.context.origin.archive) and _per_field(plan) <= FEW
        share, requests = (min(1.0, rows + FETCHED_SHARE), 2) if parts else (1.0, 1)
        fetched = int(files * file_bytes * share)
        return Cost(files, fetched, 2 * shard + fields, cpu, at_once=bands, requests=requests)

    def _files(self, plan: Plan) -> tuple[int, int]:
        """Estimate how many files a field has, and their size: that of a few in a folder, else what the reader says."""
        names, archive = self.context.origin.field, self.context.origin.archive
        rows = np.unique(np.linspace(0, plan.size("frame") - 1, FIELDS_SEEN).astype(int)).clip(0).tolist()
        files: list[tuple[str, ...]] = []
        with suppress(ReaderError), reader_of(archive.survey, "the names of its files"):  # the run says which
            for row in rows[: plan.size("frame")]:
                field = tuple(plan.fields[name][row].as_py() for name in names)
                for band in self.bands:
                    files.append((self.reader.path(field, band), *self.reader.other_paths(field, band, remote=False)))
                    files += self.reader.beside(field, band, sky=self.section.ivar)
        each = max(len(files) // len(rows), len(self.bands))
        return each, mean_size(archive.root, files) or self.reader.file_bytes

    def _share_of_rows(self, plan: Plan) -> float:
        """Estimate the share of each frame that is needed: up to the last of a field's objects."""
        if self._whole or not self.reader.reads_tops:
            return 1.0
        return _per_field(plan) / (_per_field(plan) + 1)

    def _cutout_seconds(self) -> float:
        cutouts = self.section
        resampling = SUBPIXEL_CPU_SECONDS * (2 if cutouts.ivar else 1) if cutouts.registration == "subpixel" else 0.0
        return CUTOUT_CPU_SECONDS + resampling + (IVAR_CPU_SECONDS if cutouts.ivar else 0.0)


def _per_field(plan: Plan) -> float:
    return plan.size("object") / max(plan.size("frame"), 1)
