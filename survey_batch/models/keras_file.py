"""Networks as Keras files: the same network gives the same bytes, whenever and wherever it is written."""

import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile, ZipInfo

CONFIG, METADATA = "config.json", "metadata.json"
TIME, ADDRESS = "date_saved", "shared_object_id"
"""What Keras tells of the moment: the time, and where in memory objects lay that several layers share."""


def write_network(model: Any, path: Path) -> None:
    """Write a network without what depends on the moment: times, and addresses in memory.

    A classifier is known by the bytes of its files. With these in them, one that is trained again from the same data
    would pass for another, and predictions by the first would be refused.
    """
    model.save(path)
    with ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    addresses: dict[int, int] = {}
    for name in (CONFIG, METADATA):
        parts[name] = json.dumps(_without_moment(json.loads(parts[name]), addresses)).encode()
    with ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(ZipInfo(name), content)  # of 1980, as a ZipInfo is by default


def _without_moment(value: Any, addresses: dict[int, int]) -> Any:
    """Leave out times, and number addresses by their first appearance: which objects are shared stays as it is."""
    if isinstance(value, dict):
        return {
            key: addresses.setdefault(inner, len(addresses) + 1)
            if key == ADDRESS
            else _without_moment(inner, addresses)
            for key, inner in value.items()
            if key != TIME
        }
    if isinstance(value, list):
        return [_without_moment(inner, addresses) for inner in value]
    return value
