"""xarray opens a product by the name of the engine, with its text as Python strings."""

import xarray as xr

from survey_batch.notebook.backend import Engine


def test_the_engine_opens_a_product_as_open_product_does(spectra_output):
    ds = xr.open_dataset(f"{spectra_output}/spectra.zarr", engine="survey_batch")
    assert isinstance(ds.label.values[0], str)
    assert ds.sb.row(str(ds.object_id.values[3])) == 3
    less = xr.open_dataset(f"{spectra_output}/spectra.zarr", engine="survey_batch", drop_variables="ivar")
    assert "ivar" not in less


def test_an_output_opens_as_a_tree_without_the_name_of_an_engine(spectra_output):
    tree = xr.open_datatree(spectra_output)
    assert {"spectra.zarr", "features.zarr"} <= set(tree.children)
    assert isinstance(tree["spectra.zarr/label"].values[0], str)
    plain = xr.open_datatree(spectra_output, engine="zarr")
    assert list(plain.children) == list(tree.children)
    assert (plain["features.zarr/value"].isnull() == tree["features.zarr/value"].isnull()).all()


def test_only_a_local_output_is_recognised(spectra_output, tmp_path):
    engine = Engine()
    assert engine.guess_can_open(spectra_output)
    for other in (f"{spectra_output}/spectra.zarr", tmp_path, "s3://bucket/out", b"bytes"):
        assert not engine.guess_can_open(other)
