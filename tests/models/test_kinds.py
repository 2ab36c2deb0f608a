"""The kinds that come with the package."""

from typing import get_args

import pytest

from survey_batch.config.classifiers import ClassifierKind
from survey_batch.models import kinds
from survey_batch.models.base import Classifier

ALL = [kind for kind in vars(kinds).values() if isinstance(kind, ClassifierKind)]
KINDS = [kind for kind in ALL if kind.trained_here]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_job_may_name_exactly_the_variants_that_there_are(kind):
    fields = kind.training.model_fields
    assert get_args(fields["variant"].annotation) == tuple(kind.variants)
    assert fields["variant"].default == next(iter(kind.variants))
    assert get_args(fields["kind"].annotation) == (kind.name,)
    assert {*kind.training.of_variant, *(name for names in kind.training.read_by.values() for name in names)} <= {
        *kind.variants
    }


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_the_class_of_a_variant_knows_its_kind_and_its_name(kind):
    for variant in kind.variants:
        family = kind.family(variant)
        assert issubclass(family, Classifier)
        assert (family.kind, family.variant) == (kind.name, variant)


def test_all_variants_are_registered():
    assert set(kinds.STAMP_TYPE.variants) == {"likelihood", "pca-mlp", "cnn-mlp", "svm-psf"}
    assert next(iter(kinds.STAMP_TYPE.variants)) == "likelihood"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_plan_knows_what_every_variant_takes_and_none_that_is_not_there(kind):
    assert kind.seconds.keys() == kind.variants.keys()
