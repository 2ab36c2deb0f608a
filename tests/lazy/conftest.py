"""A small product of features that tests of this folder open."""

import numpy as np
import pytest

import survey_batch as sb
from survey_batch.core.status import Status
from survey_batch.store.products import create_product, write_shard
from survey_batch.store.schema import OBJECT_COORDINATES, Schema, Shard, Variable

OBJECTS, SHARD = 20, 8
SETTINGS = {"archive.root": "here", "spectral_features.blocks": 5, "spectra.wavelength_min": 3700.0}
FEATURES = ("h_beta", "dn4000")


def write_product(output, settings=SETTINGS):
    """Write features of 20 objects in shards of 8."""
    variables = (
        *OBJECT_COORDINATES,
        Variable("value", ("object", "feature"), "f4"),
        Variable("kind", ("object",), "string"),
    )
    fixed = {"feature": (("feature",), np.array(FEATURES), {"long_name": "feature"})}
    schema = Schema("features", "object", {"object": OBJECTS, "feature": len(FEATURES)}, SHARD, variables, fixed)
    create_product(str(output), schema, {"title": "test", "provenance": settings})
    for index, start in enumerate(range(0, OBJECTS, SHARD)):
        rows = np.arange(start, min(start + SHARD, OBJECTS))
        names = np.array([f"1000000000000{row:04d}" for row in rows], dtype=object)
        data = {
            "object_id": names,
            "ra": 10.0 + rows,
            "dec": np.zeros(len(rows)),
            "label": np.array(["A", "K0III"], dtype=object)[rows % 2],
            "split": np.array(["train", ""], dtype=object)[rows % 2],
            "value": np.stack([rows, rows**2], axis=1).astype(np.float32),
            "kind": names,
        }
        shard = Shard("object", index, int(rows[0]), int(rows[-1]) + 1)
        write_shard(str(output), "features", shard, data, np.full(len(rows), Status.OK, np.uint8))


@pytest.fixture(scope="package")
def output(tmp_path_factory):
    folder = tmp_path_factory.mktemp("datasets")
    write_product(folder)
    return str(folder)


@pytest.fixture
def product(output):
    return sb.open_product(output, "features")
