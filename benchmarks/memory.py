"""Peak memory of a Dask worker that does one shard of a stage, in a worker process of its own."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.data import Data, repeat_catalog
from benchmarks.pipeline import lay_out, make_job
from survey_batch.cluster import connect
from survey_batch.config.job import ClusterSection, Job
from survey_batch.execution.shard_task import run_shard
from survey_batch.stages import make_stage

LIMIT_BYTES = 1_000_000_000
SHARD_OBJECTS = 1024
"""The default of `shards.objects`."""


def peaks(data: Data, scratch: Path) -> Iterator[tuple[str, int]]:
    """Peak resident memory of a worker that does the first, full shard of each stage."""
    for job in jobs(data, scratch):
        yield job.stages[0], peak(job)


def line(stage: str, peak: int) -> str:
    """Say it to a person."""
    verdict = "below" if peak < LIMIT_BYTES else "ABOVE"
    return f"    {stage} {peak / 1e6:.0f} MB, {verdict} {LIMIT_BYTES / 1e6:.0f} MB"


def jobs(data: Data, scratch: Path) -> Iterator[Job]:
    """Jobs with every default and more objects than a shard holds."""
    sources = repeat_catalog(data.sources, 2, scratch / "sources.csv", separator=",", rows=SHARD_OBJECTS)
    spectra = repeat_catalog(data.spectra, 4, scratch / "spectra.csv", separator="|", rows=SHARD_OBJECTS)
    for stage in ("frames", "cutouts"):
        archive, catalog = {"survey": "sdss", "root": str(data.sdss)}, {"path": str(sources), "id": "copy_id"}
        yield make_job(stage, archive, catalog, scratch / stage, frames={"keep": stage == "frames"})
    archive, catalog = {"survey": "lamost", "root": str(data.lamost)}, {"path": str(spectra), "id": "copy_id"}
    yield make_job("spectra", archive, catalog, scratch / "spectra")


def peak(job: Job) -> int:
    """Bytes that a fresh worker held at most, everything it imports included."""
    plan, name = lay_out(job), job.stages[0]
    shard = plan.shards(make_stage(job, name).axis)[0]
    with connect(ClusterSection(workers=1)) as connection:
        client = connection.client
        client.submit(run_shard, job, name, shard, pure=False).result()
        return next(iter(client.run(resident_peak).values()))


def resident_peak() -> int:
    """Peak resident bytes of this process (`VmHWM`, which, other than `ru_maxrss`, forgets the parent's)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
