import json
import shutil
import subprocess
import sys
from importlib.metadata import version
from typing import get_args

import numpy as np
import pytest

from survey_batch.config.classifiers import classifier_kind
from survey_batch.core import plugins
from survey_batch.core.errors import ConfigurationError, PlanMismatchError
from survey_batch.models.artifact import classifier_fingerprint
from survey_batch.models.loading import family_of, load_classifier
from survey_batch.models.manifest import MANIFEST, Recipe
from tests.models.answers import assert_rows_answer_for_themselves
from tests.models.conftest import make_block


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def rewrite(folder, **changes):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


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


def test_the_same_classifier_is_loaded_once(saved):
    assert load_classifier(saved) is load_classifier(str(saved))


def test_another_content_is_loaded_again_and_has_another_fingerprint(copy):
    first, before = load_classifier(copy), classifier_fingerprint(copy)
    rewrite(copy, temperature=2.0)
    assert classifier_fingerprint(copy) != before
    assert load_classifier(copy) is not first


def test_altered_weights_are_refused(copy):
    weights = copy / "network.keras"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ConfigurationError, match="not the file that was saved"):
        load_classifier(copy)


def test_missing_weights_are_refused(copy):
    (copy / "network.keras").unlink()
    with pytest.raises(ConfigurationError, match="lacks"):
        load_classifier(copy)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="no trained classifier"):
        load_classifier(tmp_path)


@pytest.mark.parametrize("name", ["../weights.keras", "weights.pkl", "a/b.npz", "weights.h5"])
def test_a_manifest_that_names_unsafe_files_is_refused(copy, name):
    rewrite(copy, files={name: "0" * 64})
    with pytest.raises(ConfigurationError, match="plain"):
        load_classifier(copy)


def test_a_manifest_with_an_unknown_key_is_refused(copy):
    rewrite(copy, code="print()")
    with pytest.raises(ConfigurationError, match="code"):
        load_classifier(copy)


def test_an_unknown_kind_is_refused(copy):
    rewrite(copy, kind="horoscope")
    with pytest.raises(ConfigurationError, match="horoscope") as refused:
        load_classifier(copy)
    said = str(refused.value)
    assert "is it the right folder?" in said
    assert f"install what it was trained with (survey-batch {version('survey-batch')}, or a plug-in" in said
    assert " forest" not in said  # its kinds are listed, not all their variants


def test_an_unknown_variant_is_refused_with_those_of_its_kind(copy):
    rewrite(copy, variant="zzz")
    with pytest.raises(ConfigurationError, match="of variant 'zzz' of kind 'spectral-type', .* its variants .*forest"):
        load_classifier(copy)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"format":3', r"\(it is damaged JSON: EOF"),
        ("[]", r"\(it is no JSON object\)"),
        ("{}", r"\(its key 'kind': field required\)"),
        ('{"format": 99}', "has format 99, which this version of survey-batch cannot read: install the version"),
    ],
)
def test_a_manifest_that_is_none_is_refused_with_the_reason_and_what_to_do(copy, text, said):
    (copy / MANIFEST).write_text(text)
    with pytest.raises(ConfigurationError, match=f"{said}.*or train again") as refused:
        load_classifier(copy)
    assert "(: " not in str(refused.value)


def test_another_major_keras_is_refused(copy):
    rewrite(copy, versions={"keras": "2.15.0"})
    with pytest.raises(ConfigurationError, match=r"keras 2\.15\.0"):
        load_classifier(copy)


def test_a_product_on_another_grid_is_refused(trained, wavelength):
    trained.recipe.check_product({"wavelength": wavelength})
    for other in (
        wavelength[1:],
        wavelength * 1.0001,
        np.linspace(wavelength[0], wavelength[-1], wavelength.size),
    ):
        with pytest.raises(PlanMismatchError, match="not those the classifier was trained on"):
            trained.recipe.check_product({"wavelength": other})


def test_a_product_without_wavelengths_is_refused(trained):
    with pytest.raises(PlanMismatchError, match="no coordinate 'wavelength'"):
        trained.recipe.check_product({})


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


def test_a_folder_of_an_older_format_is_refused(copy):
    rewrite(copy, format=2)
    with pytest.raises(ConfigurationError, match="train again"):
        load_classifier(copy)


def test_the_job_file_knows_every_kind_and_variant():
    for kind in plugins.offered(plugins.CLASSIFIERS):
        variants, fields = classifier_kind(kind).variants, classifier_kind(kind).training.model_fields
        assert get_args(fields["variant"].annotation) == tuple(variants)
        assert fields["variant"].default == next(iter(variants))
        assert [family_of(kind, variant).variant for variant in variants] == list(variants)
        assert {family_of(kind, variant).kind for variant in variants} == {kind}


def test_images_of_other_bands_or_size_are_refused():
    recipe = Recipe(product="cutouts", variables=("flux",), shape=(3, 8, 8), names={"band": ("g", "r", "i")})
    recipe.check_product({"band": np.array(["g", "r", "i"])}, {"flux": (3, 8, 8), "coverage": (3,)})
    with pytest.raises(PlanMismatchError, match=r"number 1 is 'i' and was 'r'; number 2 .* \(3 there, 3 in training"):
        recipe.check_product({"band": np.array(["g", "i", "r"])})
    with pytest.raises(PlanMismatchError, match=r"of shape \(3, 8, 8\) per object, not \(3, 9, 9\)"):
        recipe.check_product({"band": np.array(["g", "r", "i"])}, {"flux": (3, 9, 9)})
    with pytest.raises(PlanMismatchError, match="no coordinate 'band'"):
        recipe.check_product({})


def test_a_product_made_with_other_settings_is_refused_wherever_it_comes_from():
    made = {"composites.q": 8.0, "composites.bands": "irg"}
    recipe = Recipe(product="composites", variables=("image",), shape=(8, 8, 3), made=made)
    recipe.check_made(
        {
            **made,
            "archive.root": "elsewhere",
            "frames.bands": "gri",
            "catalog": "other",
            "shards.objects": 7,
            "variables": ["image"],
        }
    )
    with pytest.raises(
        PlanMismatchError, match=r"composites\.q is 2\.0 and was 8\.0; make it with the earlier settings"
    ):
        recipe.check_made({**made, "composites.q": 2.0})
    with pytest.raises(PlanMismatchError, match=r"composites\.bands is 'not set' and was 'irg'"):
        recipe.check_made({"composites.scale": 0.4})
