"""The output folder as one Zarr group, so that `xarray.open_datatree(output, engine="zarr")` opens all products.

Its `zarr.json` holds a copy of the metadata of every product. Without it, Zarr would list the folder, warn of each file
that is not Zarr (`log`, `plan`, `run.json`) and request the metadata of each array. The copy, with the checksums of the
files, is also what a damaged `zarr.json` of a product is restored from. A product's entry is written when it is created
or relabelled; products that the group does not know yet are added when a run begins, and those that are gone are left
out. A product that was deleted by hand is `pending` until then.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from survey_batch.core.paths import files_in, join, read_bytes, read_json, write_bytes

METADATA = "zarr.json"
"""The file with a node's metadata, by the Zarr v3 specification."""

CHECKSUMS = "sha256_of_metadata"
"""Attribute of the output's group: SHA-256 of the `zarr.json` of each product and array."""

READERS = 8
"""Files read at a time."""

CONSOLIDATED = "consolidated_metadata"


def write_root(output: str, *changed: str) -> None:
    """Make the output folder a Zarr group of the products in it.

    A product whose creation was cut short has no consolidated metadata yet, and is left out.

    Parameters
    ----------
    changed
        Products whose metadata was written just now. Of the others, entries that are known are kept: what was damaged
        since must not be copied.
    """
    members, checksums = _known(output)
    there = _products(output)
    kept = {name for name in there if name in checksums and name.removesuffix(".zarr") not in changed}
    group = _group_of(output, [name for name in there if name not in kept])
    group[CONSOLIDATED]["metadata"] |= {node: entry for node, entry in members.items() if _product(node) in kept}
    group["attributes"][CHECKSUMS] |= {node: digest for node, digest in checksums.items() if _product(node) in kept}
    write_bytes(join(output, METADATA), json.dumps(group).encode())


def leave_out(output: str, product: str) -> None:
    """Take a product that is about to be made anew out of the group, if it is there from before."""
    name, (members, _) = f"{product}.zarr", _known(output)
    if name in members:
        group = read_json(join(output, METADATA))
        for entries in (group[CONSOLIDATED]["metadata"], group["attributes"].get(CHECKSUMS, {})):
            for node in [node for node in entries if _product(node) == name]:
                del entries[node]
        write_bytes(join(output, METADATA), json.dumps(group).encode())


def _group_of(output: str, names: Sequence[str]) -> dict[str, Any]:
    """Read the metadata of products, and make the group of them."""
    read = {node: raw for name in names for node, raw in _metadata_of(output, name)}
    members = {node: json.loads(raw) for node, raw in read.items()}
    for entry in members.values():
        entry.pop(CONSOLIDATED, None)
    return _group(members, {node: checksum(raw) for node, raw in read.items()})


def _group(members: dict[str, Any], checksums: dict[str, str]) -> dict[str, Any]:
    """Make the group's own metadata."""
    return {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {CHECKSUMS: checksums},
        CONSOLIDATED: {"kind": "inline", "must_understand": False, "metadata": members},
    }


def _products(output: str) -> list[str]:
    return [path.rpartition("/")[2] for path in files_in(output, ".zarr")]


def _product(node: str) -> str:
    return node.partition("/")[0]


def checksum(raw: bytes) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(raw).hexdigest()


def _metadata_of(output: str, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the node and the file of a product's metadata, then of each of its arrays; none if it cannot be read."""
    try:
        raw = read_bytes(join(output, name, METADATA))
        arrays = json.loads(raw)[CONSOLIDATED]["metadata"]
        nodes = [f"{name}/{array}" for array in arrays]
        with ThreadPoolExecutor(READERS) as pool:
            files = list(pool.map(lambda node: read_bytes(join(output, node, METADATA)), nodes))
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return
    yield name, raw
    yield from zip(nodes, files, strict=True)


def _known(output: str) -> tuple[dict[str, Any], dict[str, str]]:
    """Read the group: the metadata of each node, and the checksums; nothing of a group that cannot be read."""
    try:
        group = read_json(join(output, METADATA))
        return dict(group[CONSOLIDATED]["metadata"]), dict(group["attributes"].get(CHECKSUMS, {}))
    except (FileNotFoundError, ValueError, LookupError, TypeError, AttributeError):
        return {}, {}


def copied_metadata(output: str, name: str) -> dict[str, Any]:
    """Return the group's copy of the metadata of a product (`spectra.zarr`), without its arrays; empty if none."""
    return dict(_known(output)[0].get(name, {}))


def settle(output: str, *products: str) -> None:
    """Write the metadata of arrays again that are not those in their product's file, which is written first.

    A product that is left out of the group may have been interrupted between the two.

    Parameters
    ----------
    products
        By default, those that the group does not know.
    """
    known = known_products(output)
    names = [f"{name}.zarr" for name in products] or [
        name for name in _products(output) if name.removesuffix(".zarr") not in known
    ]
    for name, raw in ((name, _bytes_of(join(output, name, METADATA))) for name in names):
        arrays = json.loads(raw).get(CONSOLIDATED, {}).get("metadata", {}) if _is_json(raw) and raw else {}
        for array, entry in arrays.items():
            path, wanted = join(output, name, array, METADATA), json.dumps(entry, indent=2).encode()
            if _bytes_of(path) != wanted:
                write_bytes(path, wanted)


def known_products(output: str) -> set[str]:
    """Return the products that the group knows; those that were deleted by hand since it was written are among them."""
    return {name.removesuffix(".zarr") for name in _known(output)[0] if "/" not in name}


@dataclass
class DamagedMetadata:
    """What is wrong with the metadata below an output.

    Attributes
    ----------
    copies : dict
        Node of a damaged file (`spectra.zarr/flux`) to the bytes that were written.
    lost : list of str
        Nodes of damaged files of which no copy is left.
    group : bool
        Whether the output's own group is damaged.
    """

    copies: dict[str, bytes] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    group: bool = False

    def restore(self, output: str) -> None:
        """Write what was written, as far as copies are left."""
        for node, copy in self.copies.items():
            write_bytes(join(output, node, METADATA), copy)
        if self.group:
            whole = [name for name in _products(output) if name not in map(_product, self.lost)]
            write_root(output, *(name.removesuffix(".zarr") for name in whole))


def damaged_metadata(output: str, *, arrays: bool = True) -> DamagedMetadata:
    """Find the `zarr.json` files below the output that are not what was written.

    A file, its copy in the group and its checksum there: one of the three is damaged where the other two agree.

    Parameters
    ----------
    arrays
        Whether to look at the files of all arrays too; what is read is the copy in those of the
        products.
    """
    members, checksums = _known(output)
    there, found = _products(output), DamagedMetadata()
    own = json.dumps(_group(members, checksums)).encode()
    found.group = bool(there) and (not members or (bool(checksums) and own != _bytes_of(join(output, METADATA))))
    for name in (name for name in there if name not in checksums and name in members):
        if not _is_json(_bytes_of(join(output, name, METADATA))) and (copy := _file_of(name, members)):
            found.copies[name] = copy
    nodes = [node for node in checksums if _product(node) in there and (arrays or "/" not in node)]
    with ThreadPoolExecutor(READERS) as pool:
        files = pool.map(lambda node: _bytes_of(join(output, node, METADATA)), nodes)
        for node, raw in zip(nodes, files, strict=True):
            copy = _file_of(node, members)
            good = [part is not None and checksum(part) == checksums[node] for part in (raw, copy)]
            if not good[0] and good[1] and copy is not None:
                found.copies[node] = copy
            elif not good[0] and raw != copy:
                found.lost.append(node)
            found.group |= not good[1]
    return found


def _bytes_of(path: str) -> bytes | None:
    try:
        return read_bytes(path)
    except FileNotFoundError:
        return None


def _is_json(raw: bytes | None) -> bool:
    try:
        return isinstance(json.loads(raw or b""), dict)
    except ValueError:
        return False


def _file_of(node: str, members: dict[str, Any]) -> bytes | None:
    """Write a node's metadata as Zarr does."""
    if node not in members:
        return None
    inner = {name.partition("/")[2]: entry for name, entry in members.items() if name.startswith(f"{node}/")}
    metadata = dict(members[node])
    if inner:
        kind = metadata.pop("node_type")
        metadata[CONSOLIDATED] = {"kind": "inline", "must_understand": False, "metadata": inner}
        metadata["node_type"] = kind
    return json.dumps(metadata, indent=2).encode()


def restore_metadata(output: str) -> list[str]:
    """Write damaged `zarr.json` files of products from their copies, as a run does first; return their paths.

    Those of arrays are left to `verify`: what is read of them is the copy in the product's file.
    """
    found = damaged_metadata(output, arrays=False)
    found.restore(output)
    return [f"{node}/{METADATA}" for node in found.copies]
