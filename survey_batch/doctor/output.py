"""Checks of the output: it can be written, replaces files whole, keeps other runs out, and has room."""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from fsspec.core import url_to_fs

from survey_batch.config.job import Job
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.findings import Finding, Findings, Site
from survey_batch.core.paths import create_bytes, exists, is_url, join, make_folder, read_bytes, remove, write_bytes
from survey_batch.core.wording import counted, size
from survey_batch.planning.plan import Plan
from survey_batch.preflight.estimate import Estimate, missing_bytes, nearest_folder, share_left
from survey_batch.preflight.footprint import OTHER_FILES, OTHER_FOLDERS
from survey_batch.preflight.less_room import less_room
from survey_batch.preflight.refusals import refuse_overlaps
from survey_batch.store.disk import telling_of_the_disk
from survey_batch.store.holder import Holder, is_dead
from survey_batch.store.lock import holder_of, locked, telling_if_unwritable
from survey_batch.store.schema import PRODUCTS_OF_FRAMES

RENAMES = 200
SIZE = 65_536
"""Bytes of a file that is replaced repeatedly: more than a page, so that a half-written one could be seen."""

TIGHT = 0.8
"""Share of the free room above which a job gets a warning: the need is an estimate, and others write too."""


@contextmanager
def scratch_folder(output: str) -> Iterator[str]:
    """Make a folder below the output for trials; remove it afterwards, and the output too if it was not there."""
    folder, new = join(output, f".doctor-{uuid4().hex[:8]}"), not is_url(output) and not Path(output).exists()
    make_folder(folder)
    try:
        yield folder
    finally:
        if not is_url(folder):
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):
                Path(output).rmdir() if new else None
        elif exists(folder):
            filesystem, inside = url_to_fs(folder)
            filesystem.rm(inside, recursive=True)


def output_can_be_used(site: Site, job: Job) -> Findings[bool]:
    """Check that the output overlaps with nothing that the job reads, and then that it works."""
    refuse_overlaps(job)
    return (yield from output_works(site, job.output))


def output_works(site: Site, output: str) -> Findings[bool]:
    """Write, replace and lock in the output, as a run does; return whether it can be written."""
    with telling_of_the_disk(output), telling_if_unwritable(output), scratch_folder(output) as folder:
        begun, path, data = time.monotonic(), join(folder, "object"), os.urandom(1024)
        write_bytes(path, data)
        if read_bytes(path) != data:
            yield site.failed("output", f"{path} differs from what was written to it", "choose another file system")
            return False
        yield site.ok("output", f"{output}: written and read back in {1e3 * (time.monotonic() - begun):.0f} ms")
        if not is_url(output):
            advice = "choose an output on another file system: readers of this one would see half a file"
            yield from site.look("rename", advice, _renames(site, Path(folder)))
        advice = "choose an output on another file system: two runs could write this one at the same time"
        yield from site.look("lock", advice, _locks(site, output, folder))
    return True


def _renames(site: Site, folder: Path) -> Findings[None]:
    """Replace a file again and again while a thread reads it."""
    path, contents = folder / "replaced", (b"old" * SIZE, b"new" * SIZE)
    write_bytes(str(path), contents[0])
    seen, wrong, ended = [0], list[str](), threading.Event()

    def read() -> None:
        while not ended.is_set() or not seen[0]:
            try:
                whole = path.read_bytes() in contents
            except OSError as error:
                wrong.append(str(error))
            else:
                wrong.extend([] if whole else ["half a file"])
            seen[0] += 1

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    for number in range(RENAMES):
        write_bytes(str(path), contents[number % 2])
    ended.set()
    reader.join()
    if wrong:
        found = f"{len(wrong)} of {seen[0]} readers did not see a whole file: {wrong[0]}"
        yield site.failed("rename", found, "choose an output on another file system")
    else:
        yield site.ok("rename", f"a file was replaced {RENAMES} times; {seen[0]} readers saw it whole, old or new")


def _locks(site: Site, output: str, folder: str) -> Findings[None]:
    """Check whether a lock keeps a second one out, and who holds the output's own lock."""
    with locked(folder, what="doctor"):
        try:
            with locked(folder, what="doctor"):
                yield site.failed("lock", "one lock could be taken twice", "choose an output on another file system")
                return
        except ConfigurationError:
            pass
    if _created_twice(join(folder, "once")):
        found = "two runs that start at the same moment could both begin: this store overwrites unconditionally"
        yield site.warning("lock", found, "never start two at once, or choose an output on another store")
        return
    holder = holder_of(output)
    if holder is None:
        yield site.ok("lock", "a second run would be kept out; no run is under way")
    elif is_dead(holder):
        yield site.ok("lock", f"a dead run left its lock ({_who(holder)}); the next run takes it over")
    else:
        advice = "wait for it, or if you know that it is dead: survey-batch run --break-lock"
        yield site.warning("lock", f"a run is under way: {_who(holder)}", advice)


def _created_twice(path: str) -> bool:
    """Tell whether a file that must not exist yet can be created where it does."""
    try:
        create_bytes(path, b"1")
        create_bytes(path, b"2")
    except FileExistsError:
        return False
    finally:
        remove(path)
    return True


def _who(holder: Holder) -> str:
    return "process {pid} of {user} on {host}, since {since}".format(**holder)


def room_is_enough(site: Site, job: Job, plan: Plan, cost: Estimate) -> Findings[None]:
    """Compare the room that the products need with what the disk has."""
    if is_url(job.output):
        yield site.skipped("room", f"the free space at {job.output} is not known")
        return
    folder, needed, files = nearest_folder(job.output), missing_bytes(job.output, cost), missing_files(plan, cost)
    free, disk = shutil.disk_usage(folder).free, os.statvfs(folder)
    found = f"{size(needed)} to write, {size(free)} free on {folder} (this does not show a quota)"
    yield _compare(site, "room", needed, free, found, less_room(job))
    found = f"about {counted(files, 'file or folder', 'files and folders')} to write"
    if disk.f_files:
        found += f", {disk.f_favail:,} free"
        yield _compare(site, "files", files, disk.f_favail, found, _fewer_files(job, cost))
    else:
        yield site.ok("files", f"{found}; this file system does not limit them")


def missing_files(plan: Plan, cost: Estimate) -> int:
    """Estimate the number of files and folders (inodes) that are still to be made."""
    stored = [stage for stage in cost.stages if stage.written.files]
    left = sum(share_left(plan.job.output, stage.stage, cost) * stage.written.inodes for stage in stored)
    return OTHER_FILES + OTHER_FOLDERS + cost.most_problem_notes + round(left)


def _fewer_files(job: Job, cost: Estimate) -> str:
    """Say what to change: one thing if most files belong to fields, another if they belong to objects."""
    most = max(cost.stages, key=lambda stage: stage.written.files)
    if most.stage in PRODUCTS_OF_FRAMES:
        return f"each field is one file per array, whatever the size of shards: {less_room(job)}"
    return "raise shards.objects: each shard is one file per array"


def _compare(site: Site, check: str, needed: int, free: int, found: str, advice: str) -> Finding:
    if needed > free:
        return site.failed(check, found, advice)
    return site.warning(check, found, advice) if needed > TIGHT * free else site.ok(check, found)
