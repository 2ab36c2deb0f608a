"""Products that grow with their catalogue: of how many of its rows each was made, and how it gets more.

What a product is, from the shapes of its arrays to its history, is in one file: its `zarr.json`. That file is replaced
whole, so a product has either all its new rows or none of them. New rows are `pending`, as those of a new product.
"""

import json
from collections.abc import Mapping
from typing import Any

from survey_batch.core.paths import files_in, join, read_json, write_bytes
from survey_batch.store.products import PROVENANCE, forget_products, product_url
from survey_batch.store.root import CONSOLIDATED, METADATA, copied_metadata, leave_out, settle, write_root
from survey_batch.store.schema import PRODUCTS_FROM_FIELDS, Axis

GENERATIONS = "generations"
"""Attribute of a product: how many rows its catalogue had when it was created, and each time it grew, in JSON."""


def generations(output: str, planned: int) -> dict[str, tuple[int, ...]]:
    """Read of how many objects each product was made when it was created, and each time it grew.

    Parameters
    ----------
    output
        Folder or URL of the products. One is left out if neither its metadata nor their copy can be read.
    planned
        Rows of the stored plan, or 0, for products that an earlier version made: these have never grown.
    """
    there = (path.rpartition("/")[2] for path in files_in(output, ".zarr"))
    known = {name: _metadata(output, name) for name in there if name.removesuffix(".zarr") not in PRODUCTS_FROM_FIELDS}
    lengths = [rows for found in known.values() if (rows := _objects(found)) is not None]
    never = (min(filter(None, (planned, *lengths)), default=0),)
    return {
        name.removesuffix(".zarr"): tuple(json.loads(attrs[GENERATIONS])) if GENERATIONS in attrs else never
        for name, found in known.items()
        if PROVENANCE in (attrs := found.get("attributes", {}))
    }


def _metadata(output: str, name: str) -> Mapping[str, Any]:
    """Read the metadata of a product, or their copy; nothing if neither can be read."""
    try:
        found: Mapping[str, Any] = read_json(join(output, name, METADATA))
        return found if found["attributes"] is not None else {}
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return copied_metadata(output, name)


def _objects(found: Mapping[str, Any]) -> int | None:
    """Return how many objects a product has; None if it has none, or if that is not known."""
    status = found.get(CONSOLIDATED, {}).get("metadata", {}).get("status", {})
    return int(status["shape"][0]) if "object" in (status.get("dimension_names") or ()) else None


def lengthen(output: str, product: str, axis: Axis, rows: int, attrs: Mapping[str, Any]) -> None:
    """Give a product more rows, all pending, and new attributes; no file of a shard is touched.

    If this is interrupted, the product is as it was before, or has all its new rows and attributes.

    Parameters
    ----------
    output, product
        The product.
    axis, rows
        Its axis, and how long that is from now on.
    attrs
        Attributes that change with it. Values that are not text become JSON.
    """
    leave_out(output, product)  # so that the change is not taken for damage
    path = join(product_url(output, product), METADATA)
    group = read_json(path)
    for array in group[CONSOLIDATED]["metadata"].values():
        if (array.get("dimension_names") or [""])[0] == axis:
            array["shape"][0] = rows
    group["attributes"] |= {key: value if isinstance(value, str) else json.dumps(value) for key, value in attrs.items()}
    write_bytes(path, json.dumps(group, indent=2).encode())
    settle(output, product)
    write_root(output, product)
    forget_products()
