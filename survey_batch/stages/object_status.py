"""The status of an object, given the frames that it lacks."""

from collections.abc import Sequence
from typing import NamedTuple

from survey_batch.core.errors import NotFoundError
from survey_batch.core.status import Status
from survey_batch.images.reader import Field
from survey_batch.stages.frame_view import FrameError
from survey_batch.store.schema import Array


class MissingFrame(NamedTuple):
    """A frame that is needed but missing, the reason, and what people call its field."""

    field: Field
    band: str
    error: FrameError
    name: str = ""


def status_of(
    bands: str, errors: Sequence[MissingFrame], beyond: Sequence[MissingFrame], coverage: Array, on_frame: bool
) -> tuple[Status, str]:
    """Judge one object.

    Parameters
    ----------
    bands
        The bands of the job.
    errors
        Missing frames of the serving field.
    beyond
        Missing frames of other fields that the window reaches into.
    coverage : (bands,)
        Share of real pixels.
    on_frame
        Whether the position lies on the serving field.

    Returns
    -------
    Status, str
        The status, and the reason if it is not `ok`.
    """
    worst = max((lack.error.status for lack in (*errors, *beyond)), default=Status.OK)
    if worst >= Status.UNREACHABLE or len(errors) == len(bands):
        return worst, "; ".join(f"{lack.band}: {lack.error}" for lack in (*errors, *beyond))
    if not on_frame:
        return Status.OUTSIDE, "the position is not on the frame; check ra, dec and the columns that name the field"
    without = {lack.band for lack in errors}
    lacking = [f"{lack.band}: {lack.error}" for lack in errors]
    lacking += _fields(beyond)
    lacking += [
        f"{band}: {share:.1%} of the pixels are on the frame"
        for band, share in zip(bands, coverage.tolist(), strict=True)
        if band not in without and share < 1
    ]
    return (Status.PARTIAL, "; ".join(lacking)) if lacking else (Status.OK, "")


def _fields(beyond: Sequence[MissingFrame]) -> list[str]:
    """Name each field once, with its bands and the fault of the first one."""
    of_field = {lack.field: [other for other in beyond if other.field == lack.field] for lack in beyond}
    return [
        f"the archive has no {lacks[0].name} beyond the edge"
        if all(isinstance(lack.error, NotFoundError) for lack in lacks)
        else f"neighbouring {lacks[0].name} ({', '.join(lack.band for lack in lacks)}): {lacks[0].error}"
        for _, lacks in sorted(of_field.items())
    ]
