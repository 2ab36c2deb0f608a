"""Columns of what a model answered: classes and their probabilities, or values and their errors."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from survey_batch.results.export.names import plain_names
from survey_batch.results.export.parts import Part, stored_rows, to_column
from survey_batch.results.export.ucds import PROBABILITY_UCD, UCDS
from survey_batch.results.export.units import column, plain_unit
from survey_batch.store.products import open_group

PREDICTIONS = "predictions"
CLASS = "class"
"""Key of a field's metadata: the exact name of the class whose probability a column holds."""

Done = npt.NDArray[np.bool_]


def answer_columns(output: str, done: Done) -> list[Part]:
    """Find the columns of the product `predictions`.

    Parameters
    ----------
    output
        Of the job.
    done
        Rows of the plan that have an answer.

    Returns
    -------
    list of Part
        None for an embedding, whose numbers mean something only together.
    """
    group: Any = open_group(output, PREDICTIONS)
    if "probability" in group:
        return [_classes(group, done)]
    return [_values(group, done)] if "value" in group else []


def _classes(group: Any, done: Done) -> Part:
    classes = [str(name) for name in stored_rows(group, CLASS, slice(None))]
    best, sure = "most probable class; NULL where the classifier abstains", "largest probability"
    fields = [
        column("predicted_class", pa.string(), best, ucd=UCDS["predicted_class"]),
        column("confidence", pa.float32(), sure, ucd=UCDS["confidence"]),
    ]
    for name, plain in zip(classes, plain_names(classes), strict=True):
        about = column(f"probability_{plain}", pa.float32(), f"probability of class {name}", ucd=PROBABILITY_UCD)
        fields.append(about.with_metadata({**about.metadata, CLASS: name}))

    def read(rows: slice) -> list[pa.Array]:
        here = done[rows]
        probability = stored_rows(group, "probability", rows)
        numbers = [stored_rows(group, "confidence", rows), *(probability[:, index] for index in range(len(classes)))]
        return [
            to_column(stored_rows(group, "predicted_class", rows), here),
            *(to_column(np.ascontiguousarray(values), here) for values in numbers),
        ]

    return Part(tuple(fields), read)


def _values(group: Any, done: Done) -> Part:
    names, units, meanings = (
        [str(text) for text in stored_rows(group, name, slice(None))] for name in ("quantity", "unit", "description")
    )
    arrays = [name for name in ("value", "error") if name in group]
    fields = tuple(
        column(
            f"{array}_{plain}",
            pa.float32(),
            meanings[index] or f"estimate of {names[index]}" if array == "value" else f"error of {names[index]}",
            plain_unit(units[index]),
        )
        for array in arrays
        for index, plain in enumerate(plain_names(names))
    )

    def read(rows: slice) -> list[pa.Array]:
        here = done[rows]
        stored = [stored_rows(group, array, rows) for array in arrays]
        return [to_column(np.ascontiguousarray(column), here) for values in stored for column in values.T]

    return Part(fields, read)
