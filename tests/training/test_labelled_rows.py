"""The rows of a product that can be trained on: usable, labelled, and grouped by star."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.training.labelled_rows import read_labelled
from tests.report.outputs import CLASSES, make_spectra, spectra_job

OBJECTS = 24


@pytest.fixture
def make(tmp_path):
    """Write spectra, of which some rows have other statuses or coordinates."""

    def made(statuses=(), **coordinates):
        job = spectra_job(tmp_path)
        status = np.full(OBJECTS, Status.OK, np.uint8)
        for row, value in dict(statuses).items():
            status[row] = value
        make_spectra(job, OBJECTS, status=status, **coordinates)
        return job

    return made


def rows_of(job, **keys):
    return read_labelled(job, "spectra", ("flux", "ivar"), **keys)


def test_rows_that_are_usable_and_labelled_take_part_in_their_order(make):
    found = rows_of(make({2: Status.UNREADABLE, 3: Status.PARTIAL}))
    assert found.rows.tolist() == [row for row in range(OBJECTS) if row != 2]
    assert found.label.tolist() == [CLASSES[row % 3] for row in found.rows]
    assert set(found.coordinates) == {"wavelength"}
    assert found.group is None, "stars are the groups"


def test_a_class_or_a_split_may_be_chosen(make):
    job = make()
    assert set(rows_of(job, classes=("A", "M")).label) == {"A", "M"}
    test = rows_of(job, split="test")
    assert test.rows.tolist() == list(range(0, OBJECTS, 3))
    assert set(test.split) == {"test"}


def test_visits_of_a_star_are_one_star(make):
    found = rows_of(make())
    assert len(set(found.star.tolist())) == OBJECTS
    here = np.full(8, 150.0)
    found = rows_of(make(ra=here, dec=np.array([0, 0, 1, 1, 2, 2, 3, 3.0]) + np.arange(8) % 2 / 3600))
    assert len(set(found.star.tolist())) == 4
    assert found.star[0] == found.star[1] == found.star[8]


def test_rows_that_are_not_done_are_told_of(make, caplog):
    found = rows_of(make({0: Status.PENDING, 5: Status.PENDING}))
    assert len(found) == OBJECTS - 2
    assert "2 of 24 rows of spectra" in caplog.text


def test_before_anything_is_done_the_advice_is_to_finish_the_run(make):
    job = make(dict.fromkeys(range(OBJECTS), Status.PENDING))
    with pytest.raises(ConfigurationError, match="no row of spectra in .* is done yet: finish the run first"):
        rows_of(job)


def test_labels_that_are_no_class_are_told_of(make, caplog):
    rows_of(make({1: Status.UNREADABLE}), classes=("A", "M"))
    assert "7 objects not used, with a label that is no class of the classifier (A, M): 7 G" in caplog.text
    caplog.clear()
    rows_of(make())
    assert "no class" not in caplog.text


def test_a_variable_that_the_product_lacks_is_named_with_those_it_has(make):
    with pytest.raises(ConfigurationError, match=r"has no variable 'image', .*it has \['flux', 'ivar', 'mask'"):
        read_labelled(make(), "spectra", ("flux", "image"))


def test_without_any_row_it_is_said_what_there_is(make):
    job = make()
    with pytest.raises(ConfigurationError, match=r"the labels are \['A', 'G', 'M'\], the splits \['test', 'train'\]"):
        rows_of(job, classes=("O", "B"))
    with pytest.raises(ConfigurationError, match="no usable object of split 'validation' of spectra"):
        rows_of(job, split="validation")
    assert len(rows_of(job, split="validation", needed=False)) == 0
