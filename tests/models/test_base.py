import subprocess
import sys

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.loading import load_classifier
from tests.models.answers import assert_rows_answer_for_themselves
from tests.models.conftest import make_block


def test_a_loaded_classifier_gives_the_same_probabilities(trained, saved, labels):
    block = make_block(labels, 5)
    loaded = load_classifier(saved)
    np.testing.assert_array_equal(loaded.predict_proba(block, 32), trained.predict_proba(block, 32))
    assert loaded.classes == trained.classes


@pytest.mark.bits
def test_rows_answer_for_themselves(trained, labels):
    assert_rows_answer_for_themselves(trained, make_block(labels, 5), [0, 1, 31, 32, 63], batch=32)


def test_a_row_keeps_its_slot_whichever_others_are_asked_for_with_it(trained, labels, monkeypatch):
    asked = []
    monkeypatch.setattr(trained, "_forward", lambda inputs: asked.append(inputs) or np.full((8, 6), 1 / 6, np.float32))
    prepared = {"inputs": np.arange(3.0)[:, None], "possible": np.ones(3, bool)}
    trained.predict_prepared(prepared, 8, np.array([1, 4, 21]))
    first, second = (batch[:, 0].tolist() for batch in asked)
    assert (first[1], first[4], second[21 - 16]) == (0.0, 1.0, 2.0), "row i is in slot i % 8"


def test_what_was_prepared_elsewhere_gets_the_same_answer(trained, saved, labels):
    block = make_block(labels[:20], 5)
    prepared = load_classifier(saved).prepared(block)
    assert {len(values) for values in prepared.values()} == {20}
    np.testing.assert_array_equal(trained.predict_prepared(prepared, batch=8), trained.predict_proba(block, batch=8))


def test_probabilities_are_float32_and_sum_to_one(trained, labels):
    probability = trained.predict_proba(make_block(labels, 6), batch=50)
    assert probability.dtype == np.float32
    assert probability.shape == (len(labels), 6)
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-5)


def test_an_empty_block_gives_no_probabilities(trained, labels):
    empty = {name: values[:0] for name, values in make_block(labels, 6).items()}
    assert trained.predict_proba(empty).shape == (0, 6)


def test_a_spectrum_of_mostly_bad_pixels_has_no_probabilities_and_changes_no_other(trained, labels):
    block = make_block(labels[:4], 7)
    whole = trained.predict_proba(block, batch=8)
    block["mask"][1, : int(0.75 * block["mask"].shape[1])] = 1
    block["flux"][2], block["ivar"][2] = np.nan, 0
    probability = trained.predict_proba(block, batch=8)
    assert np.isnan(probability[1:3]).all()
    np.testing.assert_array_equal(probability[[0, 3]], whole[[0, 3]])


def test_a_block_without_a_variable_or_of_another_shape_is_refused(trained, labels):
    block = make_block(labels[:2], 8)
    with pytest.raises(ConfigurationError, match="'ivar'"):
        trained.predict_proba({name: values for name, values in block.items() if name != "ivar"})
    with pytest.raises(ConfigurationError, match="of shape"):
        trained.predict_proba({name: values[:, 1:] for name, values in block.items()})


def test_importing_the_interface_imports_no_framework():
    code = (
        "import sys, survey_batch.models.base\n"
        "print(sorted({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
