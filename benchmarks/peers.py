"""Other makers of cutouts on the same frames, unpacked: how fast they are, and how many cutouts are those of astropy.

None of them but astropy is needed; a row says which are not installed.
"""

import json
import logging
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS

from benchmarks.rows import Side
from survey_batch.planning.stored import Rows

if TYPE_CHECKING:
    from benchmarks.cutouts import Windows

EVERY = 16
"""One in so many objects is cut by astrocut, which opens all files of each object anew."""

Cutouts = npt.NDArray[np.float32]
Made = dict[tuple[int, str], Cutouts]
"""A cutout for each object, by its row, and file."""


@dataclass(frozen=True)
class Peers:
    """The files, and the objects of each set of files, of which every window is whole.

    Attributes
    ----------
    sets : sequence of (files, rows)
        One file a band.
    position : astropy.coordinates.SkyCoord
        Of all objects.
    size : int
        Pixels on a side.
    made : dict
        What each peer made in its last round.
    """

    sets: Sequence[tuple[tuple[Path, ...], npt.NDArray[np.int64]]]
    position: SkyCoord
    size: int
    made: dict[str, Made] = field(default_factory=dict)

    @classmethod
    def of(cls, windows: Sequence["Windows"], objects: Rows, size: int, folder: Path) -> "Peers":
        """Take the frames that lie unpacked in a folder."""
        by_field: dict[int, list[tuple[Path, Windows]]] = {}
        for one in windows:
            by_field.setdefault(one.place[0], []).append((folder / one.file.stem, one))
        sets = [
            (
                tuple(file for file, _ in bands),
                bands[0][1].objects[np.logical_and.reduce([one.whole for _, one in bands])],
            )
            for bands in by_field.values()
        ]
        return cls(sets, SkyCoord(objects["ra"], objects["dec"], unit="deg"), size)

    def sides(self) -> list[Side]:
        """One side for each peer."""
        return [
            self._side("Cutout2D", "astropy", self._cutout2d, 1),
            self._side("Cutana", "cutana", self._cutana, 1),
            self._side("astrocut", "astrocut", self._astrocut, EVERY),
        ]

    def _side(self, name: str, package: str, cut: Callable[..., None], every: int) -> Side:
        if find_spec(package) is None:
            return Side(name, list, missing="not installed")
        sets = [(files, rows[::every]) for files, rows in self.sets]
        try:
            _quietly(cut, {}, sets[0][0], sets[0][1][:1])
        except Exception as error:  # noqa: BLE001 - a new version of theirs must not end our measurement
            return Side(name, list, missing=f"cannot be called as here ({type(error).__name__}: {error})")

        def ready() -> list[Callable[[], None]]:
            made = self.made[name] = {}
            return [partial(_quietly, cut, made, files, rows) for files, rows in sets if len(rows)]

        return Side(name, ready, sum(len(files) * len(rows) for files, rows in sets))

    def _cutout2d(self, made: Made, files: Sequence[Path], rows: npt.NDArray[np.int64]) -> None:
        for file in files:
            with fits.open(file, memmap=False) as opened:
                image, wcs = opened[0].data, WCS(opened[0].header)
            for row in rows.tolist():
                cut = Cutout2D(image, self.position[row], self.size, wcs, mode="partial", copy=True)
                made[row, file.name] = cut.data

    def _astrocut(self, made: Made, files: Sequence[Path], rows: npt.NDArray[np.int64]) -> None:
        import astrocut

        logging.getLogger("astrocut").setLevel(logging.ERROR)
        for row in rows.tolist():
            names = [str(file) for file in files]
            cuts = astrocut.fits_cut(names, self.position[row], self.size, single_outfile=False, memory_only=True)
            for file, cut in zip(files, cuts, strict=True):
                made[row, file.name] = cut[1].data

    def _cutana(self, made: Made, files: Sequence[Path], rows: npt.NDArray[np.int64]) -> None:
        import cutana
        import pandas as pd
        from loguru import logger

        logger.disable("cutana")
        config = cutana.get_default_config()
        config.do_only_cutout_extraction = True
        config.apply_flux_conversion = False
        config.target_resolution = self.size
        config.selected_extensions = []
        position = self.position[rows]
        table = {
            "SourceID": rows.astype(str),
            "RA": position.ra.deg,
            "Dec": position.dec.deg,
            "diameter_pixel": self.size,
            "fits_file_paths": json.dumps([str(file) for file in files]),
        }
        for batch in cutana.create_cutouts_direct(pd.DataFrame(table), config, max_workers=1):
            for about, cut in zip(batch["metadata"], batch["cutouts"], strict=True):
                for band, file in enumerate(files):
                    made[int(about["source_id"]), file.name] = cut[..., band]

    def agreement(self, ours: Made) -> list[str]:
        """Say for ours and for each peer how many of its cutouts are those of `Cutout2D`."""
        true, said = self.made["Cutout2D"], []
        for name, made in {"ours": ours, **self.made}.items():
            if made is not true:
                both = [_same(cut, true[key]) for key, cut in made.items() if key in true]
                said.append(f"{name}: {sum(both):,} of {len(both):,} cutouts have the pixels of Cutout2D")
        return said


def _quietly(cut: Callable[..., None], made: Made, files: Sequence[Path], rows: npt.NDArray[np.int64]) -> None:
    """Cut without warnings: each of these headers has a keyword of before the FITS standard of 2016."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cut(made, files, rows)


def _same(one: Any, other: Any) -> bool:
    with suppress(ValueError):
        return bool(np.array_equal(one, other))
    return False
