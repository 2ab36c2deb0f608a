"""Search for the folder of a HATS catalogue or collection that holds each object once.

HATS (Hierarchical Adaptive Tiling Scheme, IVOA note) divides a catalogue by HEALPix pixel into Parquet files. A margin
repeats objects from beyond each pixel's border. A collection holds a catalogue, its margins and its indexes side by
side.
"""

import json
import posixpath
from typing import Any

from survey_batch.core.errors import ConfigurationError

HATS_FILES = ("hats.properties", "properties")
_COLLECTION = "collection.properties"
_REPEATING = ("margin", "margin_cache", "index", "association", "map")
"""Kinds of HATS catalogues whose rows are not objects of their own."""


def object_folder(filesystem: Any, path: str, url: str) -> tuple[str, tuple[str, ...]]:
    """Find the folder that holds the rows.

    Parameters
    ----------
    filesystem
        An fsspec filesystem.
    path
        A folder; if it holds no HATS catalogue, it is returned unchanged.
    url
        For messages.

    Returns
    -------
    folder : str
    notes : tuple of str
        What is left out.

    Raises
    ------
    ConfigurationError
        The folder is a margin or an index, holds several catalogues, or its catalogue is missing.
    """
    path = path.rstrip("/")
    children = {posixpath.basename(name.rstrip("/")): name for name in filesystem.ls(path, detail=False)}
    if _COLLECTION in children:
        primary = _properties(filesystem, children[_COLLECTION]).get("hats_primary_table_url", "")
        return _primary(filesystem, path, primary, url)
    if kind := _kind(filesystem, path):
        if kind in _REPEATING:
            raise ConfigurationError(
                f"catalog.path: {url} is the {kind} of a HATS catalogue, not a list of objects: name the "
                "catalogue itself"
            )
        return children.get("dataset", path), ()
    inner = {name: _kind(filesystem, child) for name, child in children.items() if filesystem.isdir(child)}
    objects = [name for name, kind in inner.items() if kind and kind not in _REPEATING]
    if len(objects) > 1:
        raise ConfigurationError(
            f"catalog.path: {url} holds several HATS catalogues ({', '.join(sorted(objects))}): name one of them"
        )
    return _primary(filesystem, path, objects[0], url) if objects else (path, ())


def _primary(filesystem: Any, path: str, name: str, url: str) -> tuple[str, tuple[str, ...]]:
    """Return the folder of a collection's catalogue, and say what else is left out."""
    inner = posixpath.join(path, name)
    if not name or not _kind(filesystem, inner):
        raise ConfigurationError(
            f"catalog.path: {url} is a HATS collection, and its catalogue {name!r} (hats_primary_table_url in "
            f"{_COLLECTION}) is not there: name the catalogue's own folder"
        )
    folder, _ = object_folder(filesystem, inner, url)
    others = sorted(
        posixpath.basename(other.rstrip("/"))
        for other in filesystem.ls(path, detail=False)
        if filesystem.isdir(other) and posixpath.basename(other.rstrip("/")) != name.strip("/")
    )
    left_out = f"; left out: {', '.join(others)} (margins and indexes repeat its rows)" if others else ""
    return folder, (f"{url} is a HATS collection: {name.strip('/')!r} is read{left_out}",)


def _kind(filesystem: Any, path: str) -> str:
    """Return the HATS type of a folder: object, source, margin, …; "" if it is not a HATS catalogue."""
    for name in HATS_FILES:
        file = posixpath.join(path, name)
        if filesystem.isfile(file):
            properties = _properties(filesystem, file)
            if name == HATS_FILES[0] or any(key.startswith(("hats_", "obs_collection")) for key in properties):
                return properties.get("dataproduct_type", "object").lower()
    before = posixpath.join(path, "catalog_info.json")  # from hipscat, the earlier name of HATS
    return str(json.loads(filesystem.cat_file(before))["catalog_type"]) if filesystem.isfile(before) else ""


def _properties(filesystem: Any, file: str) -> dict[str, str]:
    """Read lines of `key = value`."""
    lines = filesystem.cat_file(file).decode(errors="replace").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {key.strip(): value.strip() for key, _, value in pairs}
