"""SLURM's own words and what they mean for a run: one table, and no command is called here.

The words are states of jobs (`squeue`, `scontrol`, `sacct`), lines that SLURM writes into a job's log, and what its
commands say when they fail.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto


class Meaning(Enum):
    """What SLURM's words mean for a run."""

    WAITS = auto()
    """The job waits for its start, or for another one."""
    RUNS = auto()
    """The job runs."""
    PAUSED = auto()
    """SLURM has stopped the job's processes for a while; its work is not at fault."""
    FINISHED = auto()
    """The job ended by itself, without an error."""
    OUTSIDE = auto()
    """The job was ended from outside; its work is not at fault."""
    TIME = auto()
    """The job reached its time limit while it worked: its work may take too long."""
    MEMORY = auto()
    """The job needed more memory than it had asked for: its work may be at fault."""
    CRASHED = auto()
    """The job ended by itself, with an error: its work may be at fault."""
    AWAY = auto()
    """SLURM does not answer now; a later attempt may succeed."""
    FULL = auto()
    """SLURM takes no more jobs now; a later attempt may succeed."""
    REFUSED = auto()
    """SLURM never takes the job as it is."""
    UNKNOWN = auto()
    """SLURM says nothing, or what is not in the table."""


@dataclass(frozen=True)
class Words:
    """A row of the table.

    Attributes
    ----------
    pattern : re.Pattern
        What SLURM says.
    meaning : Meaning
    told : str
        The same for a person, after "the job".
    """

    pattern: re.Pattern[str]
    meaning: Meaning
    told: str = ""


def _says(pattern: str, meaning: Meaning, told: str = "") -> Words:
    return Words(re.compile(pattern, re.IGNORECASE), meaning, told)


TABLE = (
    # A job that SLURM ends for its memory is called CANCELLED or FAILED by some versions, so these words come first.
    _says(
        r"OUT[_ ]OF[_ ]MEMORY|oom[-_ ]kill|exceeded .*memory limit",
        Meaning.MEMORY,
        "ran out of memory",
    ),
    _says(r"PREEMPTED|DUE TO PREEMPTION", Meaning.OUTSIDE, "was preempted"),
    _says(r"NODE_?FAIL|BOOT_FAIL|DUE TO NODE FAILURE|LAUNCH_FAILED|RECONFIG_FAIL", Meaning.OUTSIDE, "lost its node"),
    _says(r"\bTIMEOUT|DUE TO TIME LIMIT", Meaning.TIME, "reached its time limit"),
    _says(r"DEADLINE", Meaning.OUTSIDE, "reached its deadline"),
    _says(r"REQUEUE|SPECIAL_EXIT|DUE TO JOB REQUEUE", Meaning.OUTSIDE, "was put back into the queue"),
    _says(r"CANCELL?ED|REVOKED", Meaning.OUTSIDE, "was cancelled"),
    _says(r"SUSPENDED|STOPPED", Meaning.PAUSED, "was suspended"),
    _says(r"PENDING|CONFIGURING|POWER_UP_NODE|RESV_DEL_HOLD", Meaning.WAITS, "waits in the queue"),
    _says(r"COMPLETED", Meaning.FINISHED, "ended by itself"),
    _says(r"RUNNING|COMPLETING|RESIZING|SIGNALING|STAGE_OUT|STAGED", Meaning.RUNS, "runs"),
    # What commands say. Limits of a single job are final; limits of how many there may be are not.
    _says(r"Per(Job|Node)(Limit)?\b|MaxWallDuration", Meaning.REFUSED),
    _says(r"(Max|Grp)Submit\w*|MaxJobs?(Count|Limit|PerUser|PerAccount|Accrue)\w*|GrpJobs\w*", Meaning.FULL),
    _says(r"temporarily unable to accept|Resource temporarily unavailable|job queue (is )?full", Meaning.FULL),
    _says(r"Required (partition|node) not available|down, drained|inactive or drain", Meaning.FULL),
    _says(
        r"Unable to contact slurm|(controller|slurmctld|slurmdbd|database).* not respond|did not answer in"
        r"|Socket timed out|Zero Bytes were transmitted|Connection (refused|reset|timed out)|connect(ion)? failure"
        r"|No route to host|Network is unreachable|Transport endpoint is not connected|Unexpected missing socket"
        r"|Message (send|receive) failure|backup controller in standby|Munge encode failed.*socket|rate limit",
        Meaning.AWAY,
    ),
    _says(r"FAILED|FAILURE|Exited with exit code", Meaning.CRASHED, "failed"),
)
"""The first row that matches counts."""

SLURM_WROTE = re.compile(r"^(slurmstepd|slurmd|srun)(-\S+)?: (error|fatal): (?P<words>.*)$", re.MULTILINE)
"""Lines of a job's log that SLURM wrote, not the job. Some builds add the node's name: `slurmstepd-n1: error: …`."""


ANSWERS = (Meaning.REFUSED, Meaning.FULL, Meaning.AWAY)
"""Meanings of what a command says when it fails; all others are of jobs."""


def job_words(said: str) -> Words:
    """Return the row for a job's state, or for SLURM's lines in its log; `UNKNOWN` if there is none."""
    rows = (row for row in TABLE if row.meaning not in ANSWERS and row.pattern.search(said))
    return next(rows, Words(re.compile(""), Meaning.UNKNOWN))


def answer_of(said: str) -> Meaning:
    """Return what the answer of a command that failed means: `AWAY`, `FULL` or `REFUSED`.

    A refusal that the table does not know is final.
    """
    rows = (row.meaning for row in TABLE if row.meaning in ANSWERS and row.pattern.search(said))
    return next(rows, Meaning.REFUSED)


NEVER_STARTS = {
    "AccountNotAllowed",
    "AssociationTimeLimit",
    "BadConstraints",
    "DependencyNeverSatisfied",
    "InvalidAccount",
    "InvalidQOS",
    "MaxMemPerLimit",
    "PartitionConfig",
    "PartitionNodeLimit",
    "PartitionTimeLimit",
    "QOSNotAllowed",
    "QOSTimeLimit",
}
OF_ONE_JOB = re.compile(r"Per(Job|Node)(Limit)?$|^QOSMin")
"""Limits of a single job, beside those of how many there may be."""


def never_starts(reason: str) -> bool:
    """Tell whether a job that waits for this reason waits until somebody changes the job or SLURM's limits."""
    return reason in NEVER_STARTS or OF_ONE_JOB.search(reason) is not None


@dataclass(frozen=True)
class End:
    """The end of a job, in SLURM's words.

    Attributes
    ----------
    state : str
        As SLURM calls it; "" if SLURM no longer knows the job.
    exit : str
        Exit code of the job's script, and after a colon the signal that ended it; "" if unknown.
    node : str
        "" if unknown, or if the job never started.
    log : str
        The end of the job's log.
    """

    state: str = ""
    exit: str = ""
    node: str = ""
    log: str = ""

    @property
    def words(self) -> Words:
        """The row of the table; SLURM's lines in the log count where the state is no reason."""
        state = job_words(self.state)
        wrote = job_words(" ".join(found["words"] for found in SLURM_WROTE.finditer(self.log)))
        if state.meaning in (Meaning.UNKNOWN, Meaning.RUNS):
            return wrote
        # Some versions cancel a job that needs too much memory, and say why in its log alone.
        vague = state.meaning is Meaning.CRASHED or self.state.startswith("CANCEL")
        return wrote if vague and wrote.meaning is Meaning.MEMORY else state

    @property
    def outside(self) -> bool:
        """Whether the job was ended from outside, also by its time limit."""
        return self.words.meaning in (Meaning.OUTSIDE, Meaning.TIME)

    def __str__(self) -> str:
        """Say how it ended, where, and with what exit code."""
        code, _, signal = self.exit.partition(":")
        exits = [f"exit {code}" if code else "", f"signal {signal}" if signal not in ("", "0") else "", self.state]
        told = self.words.told or ("ended" if self.state else "ended, and SLURM no longer knows it")
        there = f" on {self.node}" if self.node else ""
        inside = ", ".join(filter(None, exits))
        return f"{told}{there}" + (f" ({inside})" if inside else "")


def end_in_scontrol(said: str) -> End:
    """Read the line of `scontrol --oneliner show job`."""
    found = dict(re.findall(r"(?:^|\s)(JobState|ExitCode|NodeList)=(\S+)", said))
    node = found.get("NodeList", "")
    return End(found.get("JobState", ""), found.get("ExitCode", ""), "" if node == "(null)" else node)


def end_in_sacct(said: str) -> End:
    """Read the first line of `sacct --parsable2 --noheader --format=State,ExitCode,NodeList`."""
    first = next((line.split("|") for line in said.splitlines() if line.count("|") == 2), None)
    if first is None:
        return End()
    state, code, node = first
    return End(state.strip(), code.strip(), "" if node.strip() in ("", "None assigned") else node.strip())


def is_guilty(end: End) -> bool:
    """Tell whether the work of a job may be at fault for its end; not where SLURM says nothing of it.

    Workers leave before their time limit (`drain.py`), so a job that reached it was still at work on something long.
    """
    return end.words.meaning in (Meaning.MEMORY, Meaning.CRASHED, Meaning.TIME)


def last_line(text: Iterable[str] | str) -> str:
    """Return the last line that is not empty."""
    lines = text.splitlines() if isinstance(text, str) else list(text)
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
