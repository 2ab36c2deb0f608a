"""Memory that training takes, for products of several sizes.

    python -m benchmarks.training FOLDER [--rows 8192 65536] [--kind spectral-type] [--variant lines]

Writes a product `spectra` of each size to FOLDER (simulated stars, on the default grid), trains for two epochs in a
process of its own, and prints the peak of the memory that is the process's own (mapped files, which the system drops
when it needs the room, are not counted) beside the size of the data.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from survey_batch.config.job import Job
from survey_batch.core.status import Status
from survey_batch.spectra.grid import log_grid
from survey_batch.spectra.synthetic import spectra
from survey_batch.store.products import create_product, write_shard
from survey_batch.store.schema import OBJECT_COORDINATES, Schema, Shard, Variable

SHARD = 1024
LETTERS = "AFGKM"
SECONDS = 0.1
TRAIN = "import sys; from survey_batch.cli import main; sys.argv = ['survey-batch', 'train', sys.argv[1]]; main()"


def job_file(folder: Path, kind: str, variant: str) -> Path:
    """A job that trains on the product in a folder."""
    path = folder / "job.toml"
    path.write_text(
        f'name = "training"\noutput = "{folder}"\nstages = ["spectra"]\n[catalog]\npath = "-"\n'
        f'[archive]\nsurvey = "lamost"\nroot = "-"\n[train]\nclassifier = "{folder}/model"\n'
        f'kind = "{kind}"\nvariant = "{variant}"\nepochs = 2\n',
        encoding="utf-8",
    )
    return path


def write_spectra(job: Job, rows: int) -> int:
    """Write a product of noisy stars; gives its bytes in memory."""
    grid = log_grid(3700.0, 9100.0)
    stars = np.array([spectra.observe(spectra.star(10 * k + 5), grid, 0.0) for k in range(len(LETTERS))])
    dims = ("object", "wavelength")
    own = [Variable(name, dims, kind) for name, kind in (("flux", "f4"), ("ivar", "f4"), ("mask", "i4"))]
    own += [Variable("redshift", ("object",), "f4"), Variable("snr", ("object",), "f4")]
    coordinates = {"wavelength": (("wavelength",), grid, {"units": "Angstrom"})}
    sizes = {"object": rows, "wavelength": len(grid)}
    schema = Schema("spectra", "object", sizes, SHARD, (*OBJECT_COORDINATES, *own), coordinates)
    create_product(job.output, schema, {"job": "training"})
    for index, start in enumerate(range(0, rows, SHARD)):
        shard = Shard("object", index, start, min(start + SHARD, rows))
        write_shard(job.output, "spectra", shard, block(stars, shard), np.full(len(shard), Status.OK, np.uint8))
    return rows * len(grid) * 12


def block(stars: np.ndarray, shard: Shard) -> dict[str, np.ndarray]:
    """Rows of one shard; the last seventh of each is for the test."""
    random = np.random.default_rng(shard.index)
    row = np.arange(shard.start, shard.stop)
    shape = (len(row), stars.shape[1])
    noisy = stars[row % len(LETTERS)] * (1 + 0.05 * random.standard_normal(shape))
    text = [np.array([f"s{number}" for number in row], object), np.array(list(LETTERS), object)[row % len(LETTERS)]]
    split = np.array(["train"] * 5 + ["validation", "test"], object)[row // len(LETTERS) % 7]
    scalars = {"redshift": np.zeros(len(row), np.float32), "snr": np.full(len(row), 20, np.float32)}
    arrays = {"flux": noisy.astype("f4"), "ivar": np.full(shape, 400, "f4"), "mask": np.zeros(shape, "i4"), **scalars}
    ra, dec = 360 * (row * 0.61803 % 1), np.degrees(np.arcsin(2 * (row * 0.7548 % 1) - 1))
    return {**arrays, "object_id": text[0], "label": text[1], "split": split, "ra": ra, "dec": dec}


def watched(command: list[str]) -> tuple[int, float]:
    """Peak of a process's own memory in bytes, and its seconds."""
    begun, peak = time.monotonic(), 0
    with subprocess.Popen(command, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}) as process:
        while process.poll() is None:
            peak = max(peak, own_memory(process.pid))
            time.sleep(SECONDS)
    if process.returncode:
        raise SystemExit(process.returncode)
    return peak, time.monotonic() - begun


def own_memory(pid: int) -> int:
    """Bytes of a process that lie in no file."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[8192, 65536])
    parser.add_argument("--kind", default="spectral-type")
    parser.add_argument("--variant", default="lines")
    options = parser.parse_args()
    from survey_batch.config.jobfile import load_job

    for rows in options.rows:
        folder = options.folder / f"{options.kind}-{rows}"
        folder.mkdir(parents=True, exist_ok=True)
        path = job_file(folder, options.kind, options.variant)
        size = write_spectra(load_job(path), rows)
        peak, seconds = watched([sys.executable, "-c", TRAIN, str(path)])
        print(
            f"{rows:,} spectra, {size / 1e9:.2f} GB: own memory at most {peak / 1e9:.2f} GB, {seconds:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
