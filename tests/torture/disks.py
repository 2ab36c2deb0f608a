"""Disks that fill up, run out of inodes, become read-only or vanish, at any moment of a run."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest import mock

from tests.processes import command
from tests.torture.kills import LIMIT, chosen, judged, until_done
from tests.torture.rounds import Outcome, Round, Scenario
from tests.torture.scene import IMAGES, NOISE, SPECTRA
from tests.torture.strikes import striking

SIZE, INODES = "400m", 3000


@dataclass(frozen=True)
class Trouble:
    """What happens to a disk, and how it is mended; both are commands of a shell, in which DISK is its folder."""

    come: str
    go: str


# A few pages stay free, so that it is not always the first write that fails.
FULL = Trouble(
    'cat /dev/zero >"$DISK/ballast"; truncate -s -$((4096 * ($$ % 12))) "$DISK/ballast"', 'rm "$DISK/ballast"'
)
INODES_USED_UP = Trouble(
    'mkdir "$DISK/many"; i=0; while ( : >"$DISK/many/$i" ) 2>/dev/null; do i=$((i + 1)); done; '
    'rm -f "$DISK/many/0" "$DISK/many/1" "$DISK/many/2"',
    'until rm -rf "$DISK/many"; do sleep 0.1; done',  # it may still be filled when the run has ended
)
# A file system that is still written to cannot be made read-only; seen through a second mount, it can.
READ_ONLY = Trouble('mount --bind "$DISK" "$DISK" && mount -o remount,bind,ro "$DISK"', 'umount -l "$DISK"')
VANISHED = Trouble('mount -t tmpfs -o ro tmpfs "$DISK"', 'umount -l "$DISK"')
UNMOUNTED = Trouble('umount -l "$DISK"', 'rm -rf "$DISK/out"; mount --bind "$DISK-kept" "$DISK"')


@contextmanager
def disk(folder: Path) -> Iterator[Path]:
    """Mount a small file system of its own."""
    kept = folder.with_name(f"{folder.name}-kept")
    for each in (folder, kept):
        each.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},nr_inodes={INODES}", "tmpfs", kept], check=True)
    subprocess.run(["mount", "--bind", kept, folder], check=True)
    try:
        yield folder
    finally:
        for each in (folder, folder, kept):
            subprocess.run(["umount", "-l", each], check=False, capture_output=True)


def may_mount() -> bool:
    """Tell whether this user may mount file systems."""
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0


def shell(commands: str, folder: Path) -> str:
    """A command that knows the disk's folder."""
    return f'DISK="{folder}"; {commands}'


def output_in_trouble(this: Round, *, scene: str, trouble: Trouble) -> Outcome:
    """Something happens to the disk of the output; it is mended, and the same command goes on."""
    here, outcome = this.scenes[scene], Outcome()
    with disk(this.folder / "disk") as mounted:
        strikes = chosen(this, here, 1, command=shell(trouble.come, mounted))
        job = here.job(mounted / "out")
        with striking(this.folder / "strikes", strikes) as struck:
            with command(job, this.folder, process_group=0) as running:
                code = running.wait(LIMIT)
                messages = running.messages
            if struck():
                subprocess.run(["sh", "-c", shell(trouble.go, mounted)], check=True)
        ended_well(outcome, code, messages)
        until_done(this, outcome, job, list, ())
        judged(this, here, outcome, strikes, struck(), mounted / "out")
        outcome.what += f"; ended with {code}: {messages.strip().splitlines()[-1]}"
        return outcome


def ended_well(outcome: Outcome, code: int, messages: str) -> None:
    """A run in trouble ends with a sentence and a code; or it does not notice."""
    outcome.wrong += [f"{noise!r} in {messages[-3000:]}" for noise in NOISE if noise in messages]
    if code != 0 and "survey-batch: " not in messages and "failed=" not in messages:
        outcome.wrong.append(f"no sentence: {messages[-3000:]}")
    if code not in (0, 1, 2):
        outcome.wrong.append(f"exit code {code}")


def scratch_full(this: Round, *, scene: str) -> Outcome:
    """The disk of temporary files is full from some moment on."""
    here, outcome = this.scenes[scene], Outcome()
    with disk(this.folder / "disk") as mounted, mock.patch.dict(os.environ, {"TMPDIR": str(mounted)}):
        strikes = chosen(this, here, 1, command=shell(FULL.come, mounted))
        job = here.job(this.folder / "out")
        with striking(this.folder / "strikes", strikes) as struck:
            with command(job, this.folder, process_group=0) as running:
                code = running.wait(LIMIT)
                messages = running.messages
            if struck():
                subprocess.run(["sh", "-c", shell(FULL.go, mounted)], check=True)
        ended_well(outcome, code, messages)
        until_done(this, outcome, job, list, ())
        judged(this, here, outcome, strikes, struck(), this.folder / "out")
        outcome.what += f"; ended with {code}: {messages.strip().splitlines()[-1]}"
        return outcome


TROUBLES = {
    "output full": FULL,
    "output without inodes": INODES_USED_UP,
    "output read-only": READ_ONLY,
    "output vanished": VANISHED,
    "output unmounted": UNMOUNTED,
}
SCENARIOS = [
    scenario
    for scene, share in ((SPECTRA, 2), (IMAGES, 1))
    for scenario in (
        *(
            Scenario(f"{name}, {scene}", partial(output_in_trouble, scene=scene, trouble=trouble), 6 * share)
            for name, trouble in TROUBLES.items()
        ),
        Scenario(f"scratch full, {scene}", partial(scratch_full, scene=scene), 3 * share),
    )
]
