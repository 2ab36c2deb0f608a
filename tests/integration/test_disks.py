"""A run whose disk fills up: it ends with a sentence, and goes on when there is room again."""

import subprocess

import pytest

from tests.compare import assert_equal_products
from tests.jobs import lamost_job
from tests.lamost_files import make_archive
from tests.processes import command, complete
from tests.torture.disks import FULL, disk, may_mount, shell
from tests.torture.strikes import Strike, striking

pytestmark = pytest.mark.slow


def test_a_full_disk_ends_a_run_with_a_sentence_and_the_same_command_goes_on(tmp_path):
    if not may_mount():
        pytest.skip("needs the right to mount file systems: run as root")
    keys = make_archive(tmp_path / "archive", 24)
    (tmp_path / "archive" / "spec-55000-TEST_sp01-007.fits").unlink()

    def make_job(output):
        spectra = {"wavelength_min": 4000, "wavelength_max": 4100}
        cluster = {"kind": "local", "workers": 2, "memory": "1 GB"}
        return lamost_job(keys, output, ("spectra",), shards={"objects": 4}, spectra=spectra, cluster=cluster)

    complete(make_job(tmp_path / "undisturbed"), tmp_path / "messages")
    with disk(tmp_path / "disk") as mounted:
        # What follows in the command leaves a few blocks, which may be enough for a job as small as this.
        to_the_brim = FULL.come.partition(";")[0]
        full = Strike("write", r"/out/spectra\.zarr/flux/c/", nth=2, command=shell(to_the_brim, mounted))
        with striking(tmp_path / "strikes", [full]), command(make_job(mounted / "out"), tmp_path / "there") as running:
            assert running.wait() == 2, running.messages
        last = running.messages.splitlines()[-1]
        assert last.startswith(f"survey-batch: cannot write to the disk of {mounted}/out: no space, or no inodes")
        assert not [noise for noise in ("Traceback", "Logging error") if noise in running.messages], running.messages
        subprocess.run(["sh", "-c", shell(FULL.go, mounted)], check=True)
        complete(make_job(mounted / "out"), tmp_path / "there")
        assert_equal_products(tmp_path / "undisturbed", mounted / "out", "spectra")
