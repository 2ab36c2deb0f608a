"""Colours, each with one meaning on the whole page and in the monitor, and advice on each status."""

from collections.abc import Sequence

from survey_batch.config.survey import find_survey

CLASS_COLORS = ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#5D4E9C", "#7F7F7F")
"""Okabe and Ito's palette (2008, Color Universal Design), which colour-blind readers can tell apart; blue to red."""

INK, SOFT, LINE, EDGE = "#1d2733", "#55616d", "#d5dce4", "rgb(29 39 51 / 0.45)"
"""Text, text of second rank, rules, edges of coloured marks: the same in `page.css`, in figures and in the monitor."""

NO_CLASS = "#B8B8B8"

STATUS_COLORS = {
    "ok": "#009E73",
    "partial": "#E69F00",
    "not_found": "#CC79A7",
    "unreadable": "#D55E00",
    "outside": "#56B4E9",
    "invalid": "#7F7F7F",
    "unreachable": "#0072B2",
    "failed": "#8B0000",
    "pending": "#DDDDDD",
}

ADVICE = {
    "partial": "Usable; the band or the pixels are not in the archive. Select complete ones by status or coverage.",
    "not_found": "The archive has no such file. If many are missing, check {located_by}. "
    "Once it is there: run --retry not_found.",
    "unreadable": "The file is damaged or of another kind. Download it by hand to check; report it to the archive. "
    "Once it is mended: run --retry unreadable.",
    "outside": "The position is not on the frame that the catalogue names, or the survey has no image or spectrum "
    "there: compare its ra, dec and key.",
    "invalid": "The catalogue row lacks something or contradicts itself: correct it there.",
    "unreachable": "The file could not be had now. Run the same command again: only these are tried.",
    "failed": "An error of the program. Run again; if it happens again, report it with this message.",
    "pending": "Not done yet. Run the same command again.",
}
"""What a user can do about each status."""
UNCLASSIFIED = "The object could not be classified, for the reason given. It stays without a class."
"""The same for `unreadable` in predictions."""


def advice(stage: str, status: str, survey: str) -> str:
    """Say what a person can do about a status of a stage."""
    if (stage, status) == ("predictions", "unreadable"):
        return UNCLASSIFIED
    return ADVICE[status].format(located_by=find_survey(survey).located_by())


def class_colors(classes: Sequence[str]) -> dict[str, str]:
    """Give each class a colour, the same everywhere on the page; "" (no class) is grey."""
    if len(classes) <= len(CLASS_COLORS):
        colors: Sequence[str] = CLASS_COLORS
    else:
        from matplotlib import colormaps
        from matplotlib.colors import to_hex

        colors = [to_hex(colormaps["viridis"](index / (len(classes) - 1) * 0.95)) for index in range(len(classes))]
    return {**dict(zip(classes, colors, strict=False)), "": NO_CLASS}
