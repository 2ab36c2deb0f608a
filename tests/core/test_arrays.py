"""Text as xarray saves it without looking at every value."""

import numpy as np
import xarray as xr

from survey_batch.core.arrays import TEXT


def test_text_is_python_strings_that_xarray_knows_as_such():
    values = np.array(["", "é"], dtype=object).astype(TEXT)
    assert values.tolist() == ["", "é"]
    assert xr.coding.strings.check_vlen_dtype(TEXT) is str
