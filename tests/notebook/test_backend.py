"""xarray opens a product by the name of the engine, with its text as Python strings."""

import xarray as xr


def test_the_engine_opens_a_product_as_open_product_does(spectra_output):
    ds = xr.open_dataset(f"{spectra_output}/spectra.zarr", engine="survey_batch")
    assert isinstance(ds.label.values[0], str)
    assert ds.sb.row(str(ds.object_id.values[3])) == 3
    less = xr.open_dataset(f"{spectra_output}/spectra.zarr", engine="survey_batch", drop_variables="ivar")
    assert "ivar" not in less
