"""The output folder as one Zarr group, so that `xarray.open_datatree(output, engine="zarr")` opens all products.

Its `zarr.json` holds a copy of the metadata of every product. Without it, Zarr would list the folder, warn of each file
that is not Zarr (`log`, `plan`, `run.json`) and request the metadata of each array. The file is written anew whenever a
product is created or relabelled and when a run begins. A product that was deleted by hand is `pending` until then.
"""

import json
from typing import Any

from survey_batch.core.paths import files_in, join, read_json, write_bytes

METADATA = "zarr.json"
"""The file with a node's metadata, by the Zarr v3 specification."""


def write_root(output: str) -> None:
    """Make the output folder a Zarr group of the products in it.

    A product whose creation was cut short has no consolidated metadata yet, and is left out.
    """
    members: dict[str, Any] = {}
    for path in files_in(output, ".zarr"):
        name = path.rpartition("/")[2]
        try:
            product = read_json(join(output, name, METADATA))
        except FileNotFoundError:
            continue
        if inner := product.pop("consolidated_metadata", None):
            members[name] = product
            members |= {f"{name}/{array}": metadata for array, metadata in inner["metadata"].items()}
    group = {
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {},
        "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": members},
    }
    write_bytes(join(output, METADATA), json.dumps(group).encode())


def known_products(output: str) -> set[str]:
    """Return the products that the group knows; those that were deleted by hand since it was written are among them."""
    try:
        group = read_json(join(output, METADATA))
    except (FileNotFoundError, ValueError):
        return set()
    members = dict(group.get("consolidated_metadata") or {}).get("metadata", {})
    return {name.removesuffix(".zarr") for name in members if "/" not in name}
