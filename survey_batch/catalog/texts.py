"""Long columns of text without a Python object per row: the rows that repeat a text, the smallest text of a group."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from survey_batch.catalog.gather import gather, room
from survey_batch.catalog.rows import Codes, chosen_rows, copied, in_company, number_type, put_first, spans, taken
from survey_batch.core.arrays import I8, Flags
from survey_batch.core.cores import do_on_cores, on_cores

Words = npt.NDArray[np.uint64]
Texts = Any  # pa.Array | pa.ChunkedArray: pyarrow has no types
"""A column of text, in chunks or not."""

_MIX = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)
_WORD = 8


def chunks_of(texts: Texts) -> list[pa.Array]:
    """Return the chunks of a column."""
    return list(texts.chunks) if isinstance(texts, pa.ChunkedArray) else [texts]


def take_rows(texts: Texts, rows: Codes) -> pa.Array:
    """Take rows in ascending order; Arrow would first copy the whole of a column in chunks."""
    chunks = chunks_of(texts)
    ends = np.cumsum([0, *map(len, chunks)])
    cuts = np.searchsorted(rows, ends)
    parts = [
        chunk.take(pa.array(rows[begin:end] - first))
        for chunk, first, begin, end in zip(chunks, ends[:-1], cuts[:-1], cuts[1:], strict=True)
        if end > begin
    ]
    return pa.concat_arrays(parts) if parts else pa.array([], texts.type)


def filtered(texts: Texts, chosen: Flags) -> pa.ChunkedArray:
    """Keep the chosen rows, slice by slice."""

    def kept(part: slice) -> pa.Table:
        mask = pa.array(chosen[part])
        return pa.table([texts.slice(part.start, len(mask)).filter(mask)], ["texts"])

    return gather(on_cores(kept, spans(len(texts)) or [slice(0, 0)]))["texts"]


def repeated(texts: Texts) -> tuple[I8, I8]:
    """Find the rows whose text occurs more than once, and number these texts; nulls are no text.

    Rows with equal hashes are found first, and only their texts are compared.
    """
    hashes, end = room(len(texts), np.uint64), 0
    for found in on_cores(_hashes, chunks_of(texts)):
        hashes[end : end + len(found)] = found
        end += len(found)
    twice = _twice(hashes)
    if not twice.size:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    rows = np.flatnonzero(_among(hashes, twice))
    encoded = pc.dictionary_encode(take_rows(texts, rows))
    code = np.asarray(pc.fill_null(encoded.indices, len(encoded.dictionary)), dtype=np.int64)
    several = np.bincount(code, minlength=len(encoded.dictionary) + 1)[code] > 1
    several &= code < len(encoded.dictionary)
    return rows[several], code[several]


def _twice(values: Words) -> Words:
    """Return the values that occur more than once, in ascending order."""
    ordered = copied(values)
    ordered.sort()
    found = [ordered[:0]]
    for part in spans(len(ordered)):
        here = ordered[part.start : part.stop + 1]  # and the first of the next slice
        found.append(here[1:][here[1:] == here[:-1]])
    return np.unique(np.concatenate(found))


def _among(values: Words, ordered: Words) -> Flags:
    """Mark values that are among some in ascending order."""
    found = np.empty(len(values), bool)

    def mark(part: slice) -> None:
        at = np.searchsorted(ordered, values[part])
        found[part] = ordered[np.minimum(at, len(ordered) - 1)] == values[part]

    do_on_cores(mark, spans(len(values)))
    return found


def _hashes(chunk: pa.Array) -> Words:
    """Hash each text; equal texts have equal hashes, others nearly always different ones."""
    texts = _Bytes(chunk)
    found = texts.length.astype(np.uint64) * _MIX
    for number in range(texts.words):
        rows = np.flatnonzero(texts.length > number * _WORD)
        mixed = (found[rows] ^ texts.word(rows, number)) * _MIX
        found[rows] = mixed ^ (mixed >> _SHIFT)
    return found


class _Bytes:
    """The bytes of texts, eight at a time.

    Attributes
    ----------
    length
        (rows,) Bytes of each text; nulls have none.
    words
        Words of the longest text.
    """

    def __init__(self, chunk: pa.Array) -> None:
        chunk = pc.fill_null(chunk, "")
        _, offsets, data = chunk.buffers()
        ends = np.frombuffer(offsets or bytes(4), np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
        text = np.zeros(int(ends[-1] - ends[0]) + _WORD, np.uint8)
        text[:-_WORD] = np.frombuffer(data or b"", np.uint8)[ends[0] : ends[-1]]
        self._begin = ends[:-1] - ends[0]
        self.length: I8 = np.diff(ends).astype(np.int64)
        self.words = -(-int(self.length.max(initial=0)) // _WORD)
        self._eight = np.ndarray(len(text) - _WORD + 1, ">u8", text.data, strides=(1,))

    def word(self, rows: Codes, number: int) -> Words:
        """Return the eight bytes of a number from 0 up as integers in the order of bytes, zeros after a text's end."""
        there = np.clip(self.length[rows] - number * _WORD, 0, _WORD)
        at = np.minimum(self._begin[rows] + number * _WORD, len(self._eight) - 1)
        beyond = (8 * (_WORD - np.maximum(there, 1))).astype(np.uint64)
        words = (self._eight[at].astype(np.uint64) >> beyond) << beyond
        return np.where(there > 0, words, np.uint64(0))


def smallest_of_each(group: Codes, texts: Texts) -> Codes:
    """Return, for each group, the row with the smallest text, in the order of bytes; of equal ones, the first row.

    Parameters
    ----------
    group
        (rows,) Numbered from 0, without gaps.
    texts
        (rows,) Without nulls.
    """
    first = room(int(group.max(initial=-1)) + 1, number_type(len(group)))
    put_first(first, group)
    rows, number = chosen_rows(in_company(group)), 0
    while rows.size and (keys := _words(texts, rows, number)) is not None:
        rows, number = _least(group, rows, keys, first), number + 1
    if rows.size:  # texts that differ by zeros at the end, if at all
        _least(group, rows, _lengths(texts, rows), first)
    return first


def _each_chunk(texts: Texts, rows: Codes) -> Iterator[tuple[pa.Array, Codes, slice]]:
    """Yield chunks with the rows, of some in ascending order, that are in them, and where these are among all."""
    chunks = chunks_of(texts)
    ends = np.cumsum([0, *map(len, chunks)])
    cuts = np.searchsorted(rows, ends)
    for chunk, first, begin, end in zip(chunks, ends[:-1], cuts[:-1], cuts[1:], strict=True):
        if end > begin:
            yield chunk, rows[begin:end] - first, slice(begin, end)


def _words(texts: Texts, rows: Codes, number: int) -> Words | None:
    """Return eight bytes of each of some rows' texts; None if all texts have ended."""
    keys = room(len(rows), np.uint64)

    def read(part: tuple[pa.Array, Codes, slice]) -> bool:
        chunk, here, where = part
        texts = _Bytes(chunk)
        keys[where] = texts.word(here, number)
        return bool((texts.length[here] > number * _WORD).any())

    return keys if any(list(on_cores(read, _each_chunk(texts, rows)))) else None


def _lengths(texts: Texts, rows: Codes) -> Words:
    return np.concatenate([_Bytes(chunk).length[here].astype(np.uint64) for chunk, here, _ in _each_chunk(texts, rows)])


def _least(group: Codes, rows: Codes, keys: Words, first: Codes) -> Codes:
    """Find the smallest key of each group: note the first row that has it, and return the rows of where several do."""
    groups = taken(group, rows)
    least = room(len(first), np.uint64)
    least[:] = np.iinfo(np.uint64).max
    for part in spans(len(rows)):
        np.minimum.at(least, groups[part], keys[part])
    has_it = np.empty(len(rows), bool)

    def compare(part: slice) -> None:
        has_it[part] = keys[part] == least[groups[part]]

    do_on_cores(compare, spans(len(rows)))
    there = chosen_rows(has_it)
    rows, groups = taken(rows, there), taken(groups, there)
    put_first(first, groups, rows)
    return taken(rows, chosen_rows(in_company(groups)))
