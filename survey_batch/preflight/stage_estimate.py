"""What one stage of a plan is estimated to take."""

from dataclasses import dataclass

from survey_batch.preflight.footprint import Footprint


@dataclass(frozen=True)
class StageEstimate:
    """One stage's share of an estimate."""

    stage: str
    """Name of the stage."""
    shards: int
    """Number of shards."""
    files: int
    """Files to fetch from the archive."""
    fetch_bytes: int
    """Bytes of these files that are fetched."""
    product_bytes: int
    """Size of the product, uncompressed."""
    stored_bytes: int
    """Its approximate size on disk; 0 if it is not kept."""
    process_bytes: int
    """Memory of a worker besides its shards."""
    worker_bytes: int
    """Memory for one shard in one thread of a worker."""
    cpu_seconds: float
    """CPU time."""
    start_seconds: float
    """Time before the first shard, whatever the number of workers."""
    download_seconds: float
    """Time to download its files; 0 from a folder."""
    written: Footprint
    """Files and folders of the product."""
