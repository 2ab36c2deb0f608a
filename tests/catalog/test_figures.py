"""The picture of a catalogue."""

import pytest

from survey_batch.catalog import read_catalog
from survey_batch.catalog.figures import catalog_figure, class_counts
from survey_batch.config.job import CatalogSection
from survey_batch.simulate.catalog import simulate_catalog
from tests.jobs import archive_section

SDSS = archive_section(survey="sdss", root="/archive")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return simulate_catalog(tmp_path_factory.mktemp("catalogue") / "c.parquet", objects=5000)


def read(path, **section):
    return read_catalog(CatalogSection.model_validate({"path": str(path)} | section), SDSS)


def test_the_picture_counts_every_object_and_draws_few_classes(path):
    catalog = read(path, id="specobjid", label="plate")
    names, counts = class_counts(catalog)
    assert sum(values.sum() for values in counts.values()) == 5000
    catalog = read(path, id="specobjid", label="subclass", split={})
    names, counts = class_counts(catalog)
    assert names[-1] == "others"
    assert len(names) == 13
    assert sum(values.sum() for values in counts.values()) == 5000
    assert [axes.get_title(loc="left") for axes in catalog_figure(catalog).axes[:2]] == [
        "5,000 objects on the sky",
        "Classes and splits",
    ]
