"""pyarrow imports pandas where somebody uses it, and then works with it as ever."""

import subprocess
import sys

import pytest

SPARED = """
import sys
from survey_batch.core.without_pandas import spare_pandas
spare_pandas()
import pyarrow as pa, pyarrow.compute as pc
assert pc.equal(pa.array(["a", ""]), "").to_pylist() == [False, True]
assert pa.table({"a": [1]}).num_rows == 1
assert "pandas" not in sys.modules
spare_pandas()
"""


@pytest.mark.parametrize(
    "then",
    [
        "import pandas as pd; assert pa.array(pd.Series([1.0, float('nan')])).null_count == 1",
        "from importlib.util import find_spec; assert all(find_spec('pandas') for _ in range(3)); import pandas as pd; "
        "assert pa.array(pd.Series([1.0, float('nan')])).null_count == 1",
        "from pandas import DataFrame; assert pa.table(DataFrame({'a': [1]})).num_rows == 1",
        "assert pa.table({'a': [1]}).to_pandas().a.tolist() == [1]",
    ],
)
def test_whoever_imports_pandas_finds_it_and_so_does_pyarrow(then):
    code = f"{SPARED}{then}\nimport pandas.core; import pandas; assert pandas.__spec__.loader is pandas.__loader__"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
