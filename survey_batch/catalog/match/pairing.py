"""The partners of a catalogue's rows; those of the last match are kept, as a command may read a list repeatedly."""

from pathlib import Path

from survey_batch.catalog.match.identifier import pair_identifiers
from survey_batch.catalog.match.partners import Partners
from survey_batch.catalog.match.position import pair_positions
from survey_batch.catalog.match.sides import Side
from survey_batch.config.job import MatchSection
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import is_url
from survey_batch.core.steps import step

_kept: dict[str, Partners] = {}
"""Partners of the last match, by all that decides them."""


def pair(own: Side, other: Side, match: MatchSection) -> Partners:
    """Find the partners of all rows.

    Raises
    ------
    ConfigurationError
        A list cannot be read, or the second has no rows.
    """
    stamps = [_stamp(side.source.url) for side in (own, other)]
    sides = [(side.source.table, side.names, side.angles, side.joined_by) for side in (own, other)]
    key = repr((stamps, sides, match))
    if key in _kept:
        return _kept[key]
    _kept.clear()
    step(f"matching the catalogue with {match.path}")
    ranked = match.best == "snr"
    if match.by == "id":
        ids = own.identifiers(ranked=False), other.identifiers(ranked=ranked)
        partners = pair_identifiers(*ids, by_rank=ranked)
    else:
        positions = own.positions(ranked=False), other.positions(ranked=ranked)
        partners = pair_positions(*positions, match.radius_arcsec, by_rank=ranked)
    if not partners.rows:
        raise ConfigurationError(f"catalog.path: {match.path} lists no object: name another file")
    if all(stamps):
        _kept[key] = partners
    return partners


def _stamp(url: str) -> tuple[tuple[str, int, int], ...]:
    """Return the names, sizes and times of a list's files, which change when it does; none of a URL."""
    if is_url(url):
        return ()
    path = Path(url)
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return tuple((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files)
