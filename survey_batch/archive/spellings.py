"""The names under which an archive may keep a file: packed or not, whatever ending the catalogue gives.

The given name comes first. Another name is tried only if the archive definitely has no file of the given name. A
remote archive is asked first for the form that it had last time, so that a million files do not each cost a second
request.
"""

from collections.abc import Sequence

ENDINGS = (".fits.gz", ".fits.bz2", ".fits")
"""Endings of the packed and unpacked forms of a FITS file."""

TILES = ".fits.fz"
"""Ending of a FITS file whose images are packed in tiles, each by itself, as fpack does it."""

_ALL = {given: tuple(dict.fromkeys((given, *ENDINGS))) for given in ("", *ENDINGS)}
"""All endings of a file, that of its given name first."""

_found: dict[tuple[str, str], int] = {}
"""Index of the name that was found last, for each archive and ending of the given name."""


def split_ending(path: str) -> tuple[str, str]:
    """Split a FITS file's name into stem and ending; the ending is "" if it is none of `ENDINGS`."""
    lower = path.lower()
    for ending in ENDINGS:
        if lower.endswith(ending):
            return path[: -len(ending)], path[-len(ending) :]
    return path, ""


def spellings(path: str, folders: Sequence[str] = ()) -> tuple[str, ...]:
    """Return all names of a file, the given one first.

    Parameters
    ----------
    path
        The file below the root, as the catalogue or the archive's layout gives it.
    folders
        Other folders in which it may be; "" for the root.
    """
    stem, given = split_ending(path)
    name = stem.rpartition("/")[2]
    stems = [stem, *(f"{other}/{name}" if other else name for other in folders)]
    endings = _ALL.get(given, (given, *ENDINGS))
    return tuple(dict.fromkeys([one + ending for one in stems for ending in endings]))


def spellings_of_image(path: str) -> tuple[str, ...]:
    """Return all names of a file of images, which may be packed in tiles, too; a name that says so is the only one."""
    if path.lower().endswith(TILES.rpartition(".")[2]):
        return (path,)
    return (*spellings(path), split_ending(path)[0] + TILES)


def in_order(archive: str, names: Sequence[str]) -> list[str]:
    """Sort names into the order in which a remote archive is asked for them."""
    last = _found.get(_form(archive, names), 0)
    return [names[last], *names[:last], *names[last + 1 :]] if last < len(names) else list(names)


def remember(archive: str, names: Sequence[str], found: str) -> None:
    """Remember which of a file's names the archive has."""
    _found[_form(archive, names)] = names.index(found)


def told(names: Sequence[str]) -> str:
    """Say which names were tried, for an error message."""
    folders = dict.fromkeys(name.rpartition("/")[0] or "the root" for name in names)
    endings = dict.fromkeys(TILES if name.endswith(TILES) else split_ending(name)[1] or "no ending" for name in names)
    where = f" in {_listed(folders)}" if len(folders) > 1 else ""
    return f"tried with {_listed(endings)}{where}"


def _form(archive: str, names: Sequence[str]) -> tuple[str, str]:
    return archive, split_ending(names[0])[1]


def _listed(words: dict[str, None]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
