from dataclasses import replace

import numpy as np
import pytest

from survey_batch.catalog.labels import possible_labels
from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.rare_classes import rare_examples, survey_weights
from survey_batch.models.recipe import Grid
from survey_batch.models.spectral_type import recipe_for
from tests.models.conftest import labelled, make_block
from tests.models.test_baselines import template_file

CLASSES = tuple("OBAFGKM")


def examples(tmp_path, labels, wavelength, classes=CLASSES, **keys):
    path = template_file(tmp_path / "t.fits", make_block(np.array(["A", "F", "G"]), 1), ["O", "A", "B"], wavelength)
    section = SpectralTypeTraining(classifier="-", variant="convolution", templates=path, **keys)
    data = labelled(make_block(labels, 1), labels, wavelength=wavelength)
    return rare_examples(data, recipe_for(Grid.of(wavelength)), section, classes, seed=1)


def test_classes_that_the_survey_lacks_come_from_templates(tmp_path, labels, wavelength):
    block, label = examples(tmp_path, labels, wavelength, copies=7)
    assert label.tolist() == ["O"] * 7 + ["B"] * 7, "of A there are enough, K has no template"
    assert {values.shape for values in block.values()} == {(14, wavelength.size)}


def test_templates_do_not_serve_a_class_that_no_label_can_be(tmp_path, labels, wavelength):
    path = template_file(tmp_path / "t.fits", make_block(np.array(["A", "F"]), 1), ["O", "B"], wavelength)
    section = SpectralTypeTraining(classifier="-", variant="convolution", templates=path, copies=7)
    data = labelled(make_block(labels, 1), labels, wavelength=wavelength)

    def made(possible):
        named = replace(data, possible_labels=possible)
        found = rare_examples(named, recipe_for(Grid.of(wavelength)), section, CLASSES, seed=1)
        return set() if found is None else set(found[1])

    assert made(possible_labels("spectral_type")) == set()
    assert made(possible_labels("mk_class")) == {"O", "B"}
    assert made(possible_labels("my_own_column")) == {"O", "B"}, "nobody knows what it may say"


def test_made_o_and_b_stars_weigh_as_much_as_the_survey_has_of_them():
    labels = np.repeat(["A", "B", "O", "B", "M"], [1000, 1, 7, 70, 5])
    weight = survey_weights(labels, real=1001)
    assert np.all(weight[:1001] == 1), "real ones count as found, a real B star, too"
    assert np.all(weight[-5:] == 1), "M stars are no rarity"
    for made in (slice(1001, 1008), slice(1008, 1078)):
        assert weight[made].sum() == pytest.approx(1001 * 0.0028 / 2, rel=0.01)


@pytest.mark.slow
def test_a_network_adds_as_many(tmp_path, labels, wavelength):
    _, label = examples(tmp_path, labels[labels != "M"], wavelength, ("O", "A"), copies=4, gan=True, gan_steps=1)
    assert label.tolist() == ["O"] * 8


def test_a_network_needs_something_to_learn_from(tmp_path, labels, wavelength):
    with pytest.raises(ConfigurationError, match=r"train\.gan: class 'K'"):
        examples(tmp_path, labels, wavelength, ("K", "A"), copies=4, gan=True, gan_steps=1)


@pytest.mark.slow
def test_a_network_learns_from_real_spectra_alone_where_there_is_no_template(wavelength):
    section = SpectralTypeTraining(classifier="-", variant="convolution", copies=4, gan=True, gan_steps=1)
    labels = np.repeat(["A", "B"], [12, 3])
    data = labelled(make_block(np.repeat(["A", "F"], [12, 3]), 1), labels, wavelength=wavelength)
    _, label = rare_examples(data, recipe_for(Grid.of(wavelength)), section, ("B", "A"), seed=1)
    assert label.tolist() == ["B"] * 4, "A has twelve"


def test_nothing_is_added_without_templates(labels, wavelength):
    section = SpectralTypeTraining(classifier="-", variant="convolution")
    data = labelled(make_block(labels, 1), labels, wavelength=wavelength)
    assert rare_examples(data, recipe_for(Grid.of(wavelength)), section, CLASSES, seed=1) is None
