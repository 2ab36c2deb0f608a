"""Strikes a process, or its disk, at a chosen moment of a run: a file is read, written, renamed, linked or removed.

Python imports this module at the start of every process that finds it on its path, and forked workers inherit it. It
does nothing unless the environment names a folder with strikes (see `tests/torture/strikes.py`). The package knows
nothing of it: Python's audit events tell of every access to a file.
"""

import json
import os
import re
import sys
import time

VARIABLE = "SURVEY_BATCH_STRIKES"


def _role():
    """Tell what this process is, by its command line."""
    words = sys.orig_argv
    if any(os.path.basename(word) == "survey-batch" for word in words[:3]):
        return "client"
    if any("multiprocessing.forkserver" in word or "multiprocessing.spawn" in word for word in words):
        return "worker"
    return "scheduler" if "scheduler" in words[:3] else "other"


def _send(folder, victim, number):
    """Send a signal; a victim that has gone already needs none."""
    if victim == "self":
        pid = os.getpid()
    elif victim == "parent":
        pid = os.getppid()
    else:
        with open(os.path.join(folder, ("client" if victim == "group" else victim) + ".pid")) as stream:
            pid = int(stream.read())
    try:
        os.killpg(pid, number) if victim == "group" else os.kill(pid, number)
    except ProcessLookupError:
        pass


class Watch:
    """Counts the events of each strike; each falls once in all processes together."""

    def __init__(self, folder, role):
        self.folder, self.role, self.seen = folder, role, {}
        with open(os.path.join(folder, "strikes.json")) as stream:
            self.strikes = [{**strike, "path": re.compile(strike["path"])} for strike in json.load(stream)]

    def __call__(self, event, arguments):
        if event == "open":
            path, _, flags = arguments
            kind = "write" if flags & (os.O_WRONLY | os.O_RDWR) else "read"
        elif event in ("os.rename", "os.link", "os.remove"):
            kind, path = event[3:], arguments[0 if event == "os.remove" else 1]
        else:
            return
        if isinstance(path, int) or sys.is_finalizing():
            return
        path = os.fsdecode(path)
        for number, strike in enumerate(self.strikes):
            if strike["event"] == kind and strike["path"].search(path) and strike["by"] in (self.role, "any"):
                self.note(number, strike)

    def note(self, number, strike):
        if os.path.exists(self.marker(number)):
            return
        self.seen[number] = self.seen.get(number, 0) + 1
        if self.seen[number] < strike["nth"]:
            return
        try:
            os.close(os.open(self.marker(number), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:  # another process was quicker
            return
        self.fire(strike)

    def fire(self, strike):
        if strike["delay"]:
            import _thread

            _thread.start_new_thread(self.later, (strike,))
        else:
            self.strike(strike)

    def later(self, strike):
        time.sleep(strike["delay"])
        self.strike(strike)

    def strike(self, strike):
        with open(os.path.join(self.folder, "times"), "a") as stream:
            stream.write(f"{time.time()}\n")
        if strike["command"]:
            os.system(f"({strike['command']}) >>{self.folder}/commands.txt 2>&1")
        else:
            _send(self.folder, strike["victim"], strike["signal"])

    def marker(self, number):
        return os.path.join(self.folder, f"fired-{number}")


def _begin():
    folder, role = os.environ.get(VARIABLE), _role()
    if not folder:
        return
    watch = Watch(folder, role)
    if role in ("client", "scheduler"):
        with open(os.path.join(folder, f"{role}.pid"), "w") as stream:
            stream.write(str(os.getpid()))
    sys.addaudithook(watch)


_begin()
