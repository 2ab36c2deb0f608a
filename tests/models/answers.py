"""What every classifier promises of a row's answer."""

import numpy as np


def assert_rows_answer_for_themselves(classifier, block, rows, batch=256):
    """A row's answer among all, with few others in its own slot, and alone: the same bits, the same, and to 1e-6."""
    rows = np.array(rows)
    together = classifier.predict_proba(block, batch)[rows]
    few = {name: values[rows] for name, values in block.items()}
    in_their_slots = classifier.predict_prepared(classifier.prepared(few), batch, rows)
    np.testing.assert_array_equal(in_their_slots, together)
    for row, answer in zip(rows, together, strict=True):
        alone = classifier.predict_proba({name: values[row : row + 1] for name, values in block.items()}, batch)
        np.testing.assert_allclose(alone[0], answer, rtol=0, atol=1e-6)
