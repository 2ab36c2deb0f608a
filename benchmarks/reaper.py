"""Runs a command and waits for all that it started, so that their CPU time is that of a child.

    python benchmarks/reaper.py COMMAND …

Workers are copies of a process that outlives the command by a moment. Where nobody waits for it, its CPU time and
theirs are lost. On Linux a process may adopt such orphans.
"""

import ctypes
import os
import subprocess
import sys
from contextlib import suppress

PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    """Run the command, and return its exit code."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    code = subprocess.call(sys.argv[1:])
    with suppress(ChildProcessError):  # when there is none left
        while True:
            os.wait()
    return code


if __name__ == "__main__":
    sys.exit(main())
