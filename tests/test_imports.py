"""What importing costs: nothing heavy before it is needed."""

import subprocess
import sys

import pytest

HEAVY = "{'pandas', 'tensorflow', 'keras', 'torch', 'jax', 'sklearn', 'matplotlib', 'onnx', 'onnxruntime'}"


@pytest.mark.parametrize(
    "module",
    [
        "survey_batch",
        "survey_batch.execution.runner",
        pytest.param("survey_batch.execution.engine", marks=pytest.mark.slow),  # as the runner imports it
        "survey_batch.cli",
        pytest.param("survey_batch.stages.frames", marks=pytest.mark.slow),
        pytest.param("survey_batch.stages.spectral_features", marks=pytest.mark.slow),
        "survey_batch.stages.predictions",
        "survey_batch.models.base",
    ],
)
def test_importing_loads_nothing_heavy(module):
    code = f"import sys, {module}; found = {HEAVY} & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("modules", "unneeded"),
    [
        ("survey_batch.cluster.local, survey_batch.execution.runner", "scipy astropy bokeh aiohttp"),
        ("survey_batch.stages.spectra, survey_batch.stages.spectral_features", "scipy astropy aiohttp distributed"),
        pytest.param(
            "survey_batch.report.build", "scipy.stats astropy bokeh distributed aiohttp", marks=pytest.mark.slow
        ),
        pytest.param(
            "survey_batch.stages.cutouts", "scipy.optimize scipy.spatial scipy.signal", marks=pytest.mark.slow
        ),
    ],
)
def test_importing_what_a_run_needs_loads_nothing_that_only_other_runs_need(modules, unneeded):
    code = f"import sys, {modules}; found = set({unneeded!r}.split()) & set(sys.modules); assert not found, found"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_s_own_import_loads_neither_dask_nor_zarr():
    code = "import sys, survey_batch; assert not {'distributed', 'zarr', 'xarray', 'astropy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_can_be_had():
    import survey_batch

    assert all(getattr(survey_batch, name) for name in survey_batch.__all__)


def test_the_command_line_shows_its_first_line_before_it_imports_what_takes_long():
    code = (
        "import sys; from survey_batch.cli import make_app; make_app(); found = "
        "{'numpy', 'pydantic', 'dask', 'pyarrow', 'astropy'} & set(sys.modules); assert not found, found"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
