"""`python -m tests.torture`: rounds of all scenarios, or of those whose name contains a word, and one table."""

import argparse
import os
import sys
from pathlib import Path

from tests.torture import disks, kills, network, slurm
from tests.torture.rounds import torture
from tests.torture.scene import make_scenes

SCENARIOS = [
    *kills.SCENARIOS,
    *(disks.SCENARIOS if disks.may_mount() else ()),
    *network.SCENARIOS,
    *(slurm.SCENARIOS if slurm.there() else ()),
]


def main() -> bool:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("words", nargs="*", help="do only scenarios whose name contains one of these")
    parser.add_argument("--minutes", type=float, default=600.0, help="start no round later than this")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("build/torture"), help="archives, outputs and results")
    given = parser.parse_args()
    folder = given.folder.resolve()
    scenarios = [each for each in SCENARIOS if not given.words or any(word in each.name for word in given.words)]
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else each process compiles all anew
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path.cwd()), *filter(None, [os.environ.get("PYTHONPATH")])])
    return torture(scenarios, make_scenes(folder / "scenes"), folder, given.minutes, given.seed)


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
