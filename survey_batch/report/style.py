"""Colours, each with one meaning on the whole page, and the style sheet."""

from collections.abc import Sequence

from survey_batch.config.survey import find_survey

CLASS_COLORS = ("#0072B2", "#56B4E9", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#5D4E9C", "#7F7F7F")
"""Okabe and Ito's palette (2008, Color Universal Design), which colour-blind readers can tell apart; blue to red."""

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
    "not_found": "The archive has no such file. If there are many, check {located_by}.",
    "unreadable": "The file is damaged or of another kind. Download it by hand to check; report it to the archive.",
    "outside": "The position is not on the frame that the catalogue names: compare its ra, dec and frame key.",
    "invalid": "The catalogue row lacks something or contradicts itself: correct it there.",
    "unreachable": "Network trouble. Run the same command again: only these are tried.",
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

        colors = [to_hex(colormaps["viridis"](place / (len(classes) - 1) * 0.95)) for place in range(len(classes))]
    return {**dict(zip(classes, colors, strict=False)), "": NO_CLASS}


CSS = """
:root { --ink: #1d2733; --soft: #5b6773; --line: #dfe4ea; --pale: #f5f7f9; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink);
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
main, footer { max-width: 1120px; margin: 0 auto; padding: 0 32px; }
header { padding: 40px 0 20px; border-bottom: 2px solid var(--ink); }
h1, h2, .card b { font-family: Charter, "Bitstream Charter", Georgia, "DejaVu Serif", serif; font-weight: 600; }
h1 { margin: 0; font-size: 34px; line-height: 1.15; overflow-wrap: anywhere; }
h2 { margin: 0 0 6px; font-size: 22px; line-height: 1.25; }
h3 { margin: 22px 0 8px; font-size: 15px; font-weight: 600; }
section { margin: 40px 0; }
p { margin: 0 0 10px; max-width: 86ch; }
.note, .subtitle { color: var(--soft); }
.subtitle { margin: 8px 0 0; }
.banner { background: #fff6e0; border-left: 4px solid #E69F00; padding: 10px 14px; margin: 18px 0; max-width: none; }
.cards { display: flex; flex-wrap: wrap; gap: 12px; margin: 18px 0 14px; }
.card { min-width: 150px; white-space: nowrap; border-top: 4px solid; padding: 8px 16px 0 0; }
.card b { display: block; font-size: 30px; line-height: 1.1; }
.card span { color: var(--soft); }
table { border-collapse: collapse; width: 100%; margin: 8px 0 14px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--ink); }
th { padding: 4px 14px 4px 0; }
td { border-bottom: 1px solid var(--line); padding: 6px 14px 6px 0; vertical-align: top; overflow-wrap: anywhere; }
th.number, td.number { text-align: right; white-space: nowrap; overflow-wrap: normal; }
th:last-child, td:last-child { padding-right: 0; }
.narrow { width: 300px; font-size: 13px; }
.narrow th, .narrow td { padding-right: 10px; }
code, .id { font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.track { width: 100%; min-width: 180px; padding-top: 5px; }
.bar { display: flex; gap: 1px; height: 13px; }
.bar i { display: block; height: 100%; }
.badge { white-space: nowrap; margin-right: 14px; }
.badge i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 6px; }
.plot { max-width: 100%; height: auto; display: block; }
.row { display: flex; flex-wrap: wrap; gap: 8px 20px; align-items: flex-start; }
.reasons { margin: 0; padding: 0; list-style: none; }
.reasons li { margin-bottom: 6px; }
.card small { display: block; color: var(--soft); font-size: 12px; }
.curves { flex: 1; min-width: 310px; }
.tables > div:first-child { flex: 1; min-width: 540px; }
.facts thead { display: none; }
.facts td:first-child { width: 130px; color: var(--soft); }
.middle { margin: 0 auto; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(480px, 1fr)); gap: 22px 32px; }
.grid.small { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 18px 20px; }
.small .example .badge { margin-right: 8px; }
.small .track { min-width: 0; }
.small .example img { width: auto; max-width: 100%; }
.example { margin: 0; break-inside: avoid; }
.example figcaption { display: flex; flex-wrap: wrap; gap: 0 14px; align-items: baseline; }
.example figcaption { font-size: 13px; margin-bottom: 4px; }
.example .id { font-weight: 600; overflow-wrap: anywhere; }
.example img { width: 100%; height: auto; display: block; image-rendering: pixelated; }
.example img.plot { image-rendering: auto; }
.bands { display: flex; font-size: 12px; color: var(--soft); }
.bands span { flex: 1; text-align: center; }
.small { font-size: 13px; }
details { margin: 10px 0; }
summary { cursor: pointer; font-weight: 600; }
pre { background: var(--pale); padding: 14px; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { margin-top: 48px; padding: 14px 32px 40px; color: var(--soft); font-size: 13px; overflow-wrap: anywhere; }
@media (max-width: 600px) { .grid { grid-template-columns: 1fr; } main, footer { padding: 0 16px; } }
@media print {
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  body { font-size: 11px; } main, footer { max-width: none; padding: 0; }
  section { margin: 22px 0; } h2, h3 { break-after: avoid; } tr, img, .row { break-inside: avoid; }
  .grid { grid-template-columns: 1fr 1fr; gap: 14px 18px; } .track { min-width: 100px; }
  p, .cards { break-after: avoid; } .small, .narrow, .id, .example figcaption { font-size: 9px; }
  .row { flex-wrap: nowrap; gap: 8px; } .row img { max-width: 33%; } .middle { max-width: 72%; }
  .narrow { width: auto; } .narrow th, .narrow td { padding-right: 5px; }
}
"""
