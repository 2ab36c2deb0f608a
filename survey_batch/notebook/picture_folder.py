"""A folder with a picture of each object, sorted by split and label as trainers of image classifiers expect it."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import numpy as np

from survey_batch.catalog.split import SPLITS
from survey_batch.cluster.base import Say
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import exists, join, make_where_asked, read_bytes
from survey_batch.core.status import Status, usable
from survey_batch.core.steps import detail, step
from survey_batch.core.wording import counted
from survey_batch.lazy.products import open_product, products_in
from survey_batch.notebook.fits import to_fits
from survey_batch.notebook.pictures import NEEDED, to_image
from survey_batch.results.export.names import plain_names

if TYPE_CHECKING:
    import xarray as xr

Form = Literal["png", "jpeg", "fits"]
ENDINGS: dict[Form, str] = {"png": "png", "jpeg": "jpg", "fits": "fits"}
FOLDER = "pictures"
LIST = "pictures.csv"
"""File in the folder that lists all objects, those without a picture too."""
HEADER = ("picture", "object_id", "label", "split", "status")
"""Columns of the list."""
LEVELS = ("split", "label")
"""Coordinates that name the folders, from the outer to the inner one."""
LONGEST_NAME = 200
"""Bytes of a file's name without its ending; file systems take 255."""
BLOCK_BYTES = 64_000_000
"""About as many bytes of images are read at a time."""
JPEG_QUALITY = 95


def write_pictures(
    output: str, form: Form = "png", to: str | None = None, say: Say = lambda _: None
) -> tuple[str, int]:
    """Write a picture of each object as `<folder>/<split>/<label>/<object_id>.png`.

    torchvision's `ImageFolder` and Keras' `image_dataset_from_directory` read `<folder>/train` so. A level that an
    object lacks is left out. Objects that are `ok` or `partial` have a picture; `pictures.csv` in the folder lists all.
    Composites are drawn where there are some, else cutouts, else stamps. Objects are read some at a time.

    Parameters
    ----------
    output : str
        A job's output.
    form : {"png", "jpeg", "fits"}
        FITS: cutouts with all bands, each with its WCS.
    to : str, optional
        The folder, a path or fsspec URL; by default `<output>/pictures`. An earlier folder of pictures is replaced.
    say : callable, optional
        Called with each line about what has no picture, or lies elsewhere than its names say.

    Returns
    -------
    folder : str
    pictures : int

    Raises
    ------
    ConfigurationError
        There is no product with images, or something else has the folder's name.
    """
    target = (to or join(output, FOLDER)).rstrip("/")
    if exists(target) and not _is_ours(target):
        raise ConfigurationError(f"--to {to}: something is there that is no folder of pictures: name another folder")
    ds = _images(output, form)
    made = _Folder(form, _class_folders(ds))
    step(f"writing {target}")
    make_where_asked(target, lambda path: made.write(ds, path))
    for line in made.notes():
        say(line)
    return target, made.pictures


def _is_ours(target: str) -> bool:
    """Tell whether a folder holds our list, so that it may be replaced."""
    try:
        return read_bytes(join(target, LIST)).decode("utf-8-sig").splitlines()[:1] == [",".join(HEADER)]
    except (OSError, ValueError):
        return False


def _images(output: str, form: Form) -> "xr.Dataset":
    """Open the product to draw, the first that has pictures, with the variables that are needed for it."""
    possible = ("cutouts",) if form == "fits" else tuple(NEEDED)
    there = products_in(output)
    found = {name: open_product(output, name) for name in possible if name in there}
    if not found:
        raise ConfigurationError(
            f"--pictures {form}: {output} holds no {' and no '.join(possible)} (there: {', '.join(there) or 'nothing'})"
            ": run a job with such a stage, whose product is kept"
        )
    product = next((name for name, ds in found.items() if usable(ds["status"].values).any()), None)
    if product is None:
        raise ConfigurationError(
            f"--pictures {form}: {output} holds {' and '.join(found)}, but no object in them is ok or partial: "
            "survey-batch status says why"
        )
    ds = found[product]
    if form == "fits":
        return ds
    ds = ds[[*NEEDED[product], "status"]]
    to_image(ds.isel(object=slice(0, 1)), 0)  # bands that make no picture are refused before anything is written
    return ds


def _blocks(ds: "xr.Dataset") -> Iterator[slice]:
    """Divide the objects into blocks of about `BLOCK_BYTES`, none longer than a shard."""
    row_bytes = sum(part.nbytes for part in ds.variables.values() if part.dtype.kind in "fiu") // max(
        ds.sizes["object"], 1
    )
    for start, length in _shards(ds):
        rows = max(1, min(length, BLOCK_BYTES // max(row_bytes, 1)))
        yield from (slice(first, min(first + rows, start + length)) for first in range(start, start + length, rows))


def _shards(ds: "xr.Dataset") -> Iterator[tuple[int, int]]:
    lengths = ds.chunksizes["object"]
    return zip(np.cumsum((0, *lengths[:-1])).tolist(), lengths, strict=True)


def _class_folders(ds: "xr.Dataset") -> dict[str, str]:
    """Name a folder for each label; names differ by more than case, as some file systems know none.

    A class that is called like a split gets another name, so that the levels cannot be mixed up.
    """
    if "label" not in ds.variables:
        return {}
    labels = sorted({str(name) for rows in _blocks(ds) for name in ds["label"][rows].values} - {""})
    plain = plain_names([*SPLITS, *labels], nameless=lambda label: quote(label, safe=""))
    return dict(zip(labels, plain[len(SPLITS) :], strict=True))


@dataclass
class _Folder:
    """A folder that is being filled, and what was put where.

    Attributes
    ----------
    form : str
    names : dict of str to str
        The folder of each label.
    counts : collections.Counter
        Objects by status.
    lacking : collections.Counter
        Pictures of objects that lack a level, by level.
    taken : set of str
        Paths of the pictures, in lower case.
    """

    form: Form
    names: dict[str, str]
    counts: Counter[Status] = field(default_factory=Counter)
    lacking: Counter[str] = field(default_factory=Counter)
    taken: set[str] = field(default_factory=set)

    @property
    def pictures(self) -> int:
        """Count the pictures."""
        return sum(number for status, number in self.counts.items() if _has_picture(status))

    def write(self, ds: "xr.Dataset", path: Path) -> None:
        """Write the pictures of all objects, and the list."""
        path.mkdir()
        with (path / LIST).open("w", newline="", encoding="utf-8") as stream:
            table = csv.writer(stream)
            table.writerow(HEADER)
            for rows in _blocks(ds):
                part = ds.isel(object=rows).load()
                for index, (*about, status) in enumerate(_about(part)):
                    picture = self._place(*about) if _has_picture(status) else ""
                    if picture:
                        self._save(part, index, path / picture)
                    self.counts[status] += 1
                    table.writerow([picture, *about, status.name.lower()])
                detail(f"writing the pictures: {rows.stop:,} of {counted(ds.sizes['object'], 'object')}")

    def notes(self) -> Iterator[str]:
        """Say what has no picture, or another place or form than expected."""
        if without := {status: number for status, number in self.counts.items() if not _has_picture(status)}:
            counted = (f"{number:,} {status.name.lower()}" for status, number in sorted(without.items()))
            yield f"without a picture: {', '.join(counted)}"
        if partial := self.counts[Status.PARTIAL]:
            yield f"pictures of partial objects, of which some pixels are missing: {partial:,}"
        for level in LEVELS:
            if 0 < (number := self.lacking[level]) < self.pictures:
                yield f"pictures of objects without a {level}, outside its folders: {number:,}"
        for label, name in self.names.items():
            if label != name:
                yield f"the folder of class {label!r} is {name}"

    def _place(self, object_id: str, label: str, split: str) -> str:
        """Choose where a picture lies, relative to the folder."""
        levels = {"split": split, "label": self.names.get(label, "")}
        self.lacking.update(level for level, name in levels.items() if not name)
        name = quote(object_id, safe=" +,=@()")[:LONGEST_NAME]
        path = "/".join([*filter(None, levels.values()), name])
        number, unique = 1, path
        while unique.lower() in self.taken:  # ids that differ by case alone, or after the longest name
            number += 1
            unique = f"{path}_{number}"
        self.taken.add(unique.lower())
        return f"{unique}.{ENDINGS[self.form]}"

    def _save(self, part: "xr.Dataset", index: int, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.form == "fits":
            to_fits(part, index).writeto(path)
        else:
            to_image(part, index).save(path, self.form, quality=JPEG_QUALITY)  # which PNG, without loss, ignores


def _about(part: "xr.Dataset") -> Iterator[tuple[str, str, str, Status]]:
    """Yield id, label, split and status of each object; no text where the dataset has no such coordinate."""
    objects = part.sizes["object"]
    texts = [
        part[name].values if name in part.variables else np.full(objects, "")
        for name in ("object_id", "label", "split")
    ]
    for object_id, label, split, status in zip(*texts, part["status"].values, strict=True):
        yield str(object_id), str(label), str(split), Status(int(status))


def _has_picture(status: Status) -> bool:
    return bool(usable(np.array(status)))
