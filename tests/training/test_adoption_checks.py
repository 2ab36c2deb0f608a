from contextlib import nullcontext

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.models.adopted_onnx import AdoptedOnnx
from survey_batch.models.adopted_skops import AdoptedSkops
from survey_batch.models.manifest import Manifest, Quantity
from survey_batch.models.recipe import Grid, Recipe
from survey_batch.training.adoption_checks import check_alone, check_answers, check_inputs, first_answers, in_words
from tests.models.onnx_models import helper, linear, write_model

GRID = Grid(first=37800, count=40)
RECIPES = {
    "spectra": {"shape": (40,), "grid": GRID, "dims": {"flux": ("wavelength",), "ivar": ("wavelength",)}},
    "cutouts": {"shape": (3, 8, 8), "dims": {"flux": ("band", "y", "x"), "ivar": ("band", "y", "x")}},
}


def model_of(path, product="spectra", variables=("flux",), steps=(), **keys):
    kept = {**{str(i): text for i, text in enumerate(steps, 1)}, "outputs": '["answer"]'}
    recipe = Recipe(product=product, variables=variables, steps=kept, **RECIPES[product])
    keys = keys or {"outputs": "embedding", "dimensions": 3}
    return AdoptedOnnx(
        Manifest(kind="adopted", variant="onnx", recipe=recipe, **keys), {}, AdoptedOnnx.read_model(path)
    )


def block(product="spectra", names=("flux",), rows=5):
    shape = (rows, *RECIPES[product]["shape"])
    return {name: np.random.default_rng(1).normal(10, 1, shape).astype("f4") for name in names}


@pytest.mark.parametrize(
    ("product", "shape", "variables", "advice"),
    [
        ("spectra", (1, 40), ("flux",), r"--preprocess channels:first$"),
        ("spectra", (40, 1), ("flux",), r"--preprocess channels:last$"),
        ("spectra", (2, 40), ("flux", "ivar"), r"--preprocess stack:first$"),
        ("spectra", (40, 2), ("flux", "ivar"), r"--preprocess stack:last$"),
        (
            "spectra",
            (30,),
            ("flux",),
            r"--preprocess grid:log,6026,6079,30 \(with the wavelengths of your own model\)$",
        ),
        ("spectra", (1, 30), ("flux",), r"--preprocess grid:log,6026,6079,30 --preprocess channels:first \(with"),
        ("spectra", (40,), ("flux", "ivar"), r"--preprocess take:flux$"),
        ("cutouts", (8, 8, 3), ("flux",), r"--preprocess channels:last$"),
        ("cutouts", (192,), ("flux",), r"--preprocess flatten$"),
        ("cutouts", (3, 4, 4), ("flux",), r"--preprocess crop:4$"),
        ("cutouts", (4, 4, 3), ("flux",), r"--preprocess crop:4 --preprocess channels:last$"),
        ("cutouts", (5, 8, 8), ("flux",), r"no step makes it fit"),
    ],
)
def test_a_model_that_takes_another_shape_is_refused_with_the_steps_that_help(
    tmp_path, product, shape, variables, advice
):
    size = int(np.prod(shape))
    model = model_of(linear(tmp_path / "m.onnx", np.ones((size, 3)), shape=shape), product, variables)
    with pytest.raises(ConfigurationError, match=rf"takes x \({', '.join(map(str, shape))}.*gives flux.*{advice}"):
        check_inputs(model, block(product, variables))


def test_a_model_that_knows_its_features_by_name_gets_them_in_its_order(tmp_path):
    import pandas as pd
    import skops.io
    from sklearn.linear_model import Ridge

    table = pd.DataFrame(np.random.default_rng(1).normal(size=(9, 2)), columns=["b", "a"])
    skops.io.dump(Ridge().fit(table, table["a"]), tmp_path / "m.skops")
    dims, names = {"value": ("feature",)}, {"feature": ("a", "b", "c")}
    given = {"value": np.array([[1.0, 2.0, 3.0]], "f4")}
    for steps, refused in ((("select:a,b",), True), ((), True), (("select:b,a",), False)):
        kept = {**{str(i): text for i, text in enumerate(steps, 1)}, "outputs": '["answer"]'}
        recipe = Recipe(product="features", variables=("value",), shape=(3,), dims=dims, names=names, steps=kept)
        keys = {"outputs": "values", "quantities": (Quantity(name="z"),), "recipe": recipe}
        manifest = Manifest(kind="adopted", variant="skops", **keys)
        model = AdoptedSkops(manifest, {}, AdoptedSkops.read_model(tmp_path / "m.skops"))
        with pytest.raises(ConfigurationError, match=r"--preprocess select:b,a$") if refused else nullcontext():
            check_inputs(model, given)


def test_inputs_of_other_names_are_listed(tmp_path):
    ports = [("wave", ["n", 40]), ("sky", ["n", 40])]
    node = helper.make_node("Add", ["wave", "sky"], ["answer"])
    model = model_of(write_model(tmp_path / "m.onnx", [node], ports, [("answer", ["n", 40])]))
    with pytest.raises(ConfigurationError, match=r"matched with variables by name: name variables as .* \(wave, sky\)"):
        check_inputs(model, block())


def test_rows_that_all_lack_values_are_refused_with_the_steps_that_fill_them(tmp_path):
    model = model_of(linear(tmp_path / "m.onnx", np.ones((40, 3))))
    given = block()
    given["flux"][:, 3] = np.nan
    with pytest.raises(ConfigurationError, match=r"no object of .*, out of the first 5; .* nan:zero"):
        check_inputs(model, given)


def test_a_model_that_fails_says_on_what(tmp_path):
    node = helper.make_node("MatMul", ["x", "weights"], ["answer"])
    path = write_model(
        tmp_path / "m.onnx", [node], [("x", ["n", "m"])], [("answer", ["n", 3])], {"weights": np.ones((7, 3), "f4")}
    )
    model = model_of(path)
    with pytest.raises(ConfigurationError, match=r"the model fails on x \(5, 40\) float32: "):
        first_answers(model, check_inputs(model, block()))


def test_answers_that_are_not_finite_are_refused(tmp_path):
    model = model_of(linear(tmp_path / "m.onnx", np.full((40, 3), 3e38)))
    with pytest.raises(ConfigurationError, match=r"not finite for 5 of 5 objects"):
        check_answers(model, check_inputs(model, block()), logits=False)


@pytest.mark.parametrize("columns", [1, 2])
def test_probabilities_are_not_taken_for_logits(tmp_path, columns):
    nodes = [helper.make_node("MatMul", ["x", "weights"], ["sum"])]
    nodes.append(helper.make_node("Softmax" if columns > 1 else "Sigmoid", ["sum"], ["answer"]))
    weights = {"weights": np.random.default_rng(2).normal(0, 0.02, (40, columns)).astype("f4")}
    path = write_model(tmp_path / "m.onnx", nodes, [("x", ["n", 40])], [("answer", ["n", columns])], weights)
    model = model_of(path, classes=("A", "F"))
    prepared = check_inputs(model, block())
    assert check_answers(model, prepared, logits=False).shape == (5, 2)
    with pytest.raises(ConfigurationError, match="probabilities already, not logits: leave out --logits"):
        check_answers(model, prepared, logits=True)


def test_sigmoids_of_several_classes_are_not_taken_for_logits(tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "weights"], ["sum"]), helper.make_node("Sigmoid", ["sum"], ["answer"])]
    weights = {"weights": np.random.default_rng(2).normal(0, 0.02, (40, 3)).astype("f4")}
    path = write_model(tmp_path / "m.onnx", nodes, [("x", ["n", 40])], [("answer", ["n", 3])], weights)
    model = model_of(path, classes=("A", "F", "G"))
    with pytest.raises(ConfigurationError, match="as those of a sigmoid for each class, and are no logits"):
        check_answers(model, check_inputs(model, block()), logits=True)


def test_a_model_that_normalises_its_batch_is_refused(tmp_path):
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0]),
        helper.make_node("Sub", ["x", "mean"], ["answer"]),
    ]
    path = write_model(tmp_path / "m.onnx", nodes, [("x", ["n", 40])], [("answer", ["n", 40])])
    model = model_of(path, outputs="embedding", dimensions=40)
    prepared = check_inputs(model, block())
    with pytest.raises(ConfigurationError, match=r"differently for an object alone.*model\.eval\(\) before the export"):
        check_alone(model, prepared, check_answers(model, prepared, logits=False))


def test_a_small_quantity_beside_a_large_one_is_looked_at_too(tmp_path):
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[0]),
        helper.make_node("Sub", ["x", "mean"], ["rest"]),
        helper.make_node("MatMul", ["rest", "few"], ["z"]),
        helper.make_node("MatMul", ["x", "many"], ["teff"]),
        helper.make_node("Concat", ["z", "teff"], ["answer"], axis=1),
    ]
    weights = {"few": np.full((40, 1), 1e-3, "f4"), "many": np.full((40, 1), 1e4, "f4")}
    path = write_model(tmp_path / "m.onnx", nodes, [("x", ["n", 40])], [("answer", ["n", 2])], weights)
    model = model_of(path, outputs="values", quantities=[{"name": "z"}, {"name": "teff", "units": "K"}])
    prepared = check_inputs(model, block())
    with pytest.raises(ConfigurationError, match="differently for an object alone"):
        check_alone(model, prepared, check_answers(model, prepared, logits=False))


def test_an_error_below_0_is_refused(tmp_path):
    path = linear(tmp_path / "m.onnx", np.full((40, 1), 1e-3), outputs=("answer", "error"))
    model = model_of(path, outputs="values", quantities=[{"name": "z"}], errors=True)
    model.manifest.recipe.steps["outputs"] = '["answer", "error"]'
    prepared = check_inputs(model, block())
    with pytest.raises(ConfigurationError, match=r"an error is never negative, and the model's go down to -0\.4"):
        check_answers(model, prepared, logits=False)
    model.manifest.recipe.steps["outputs"] = '["answer", "answer"]'
    assert check_answers(model, prepared, logits=False).shape == (5, 2)


def test_answers_are_shown_in_words(tmp_path):
    recipe = Recipe(product="spectra", variables=("flux",), shape=(4,))
    about = {"kind": "adopted", "variant": "onnx", "recipe": recipe}
    classes = Manifest(classes=("A", "F"), **about)
    assert in_words(classes, np.array([[0.3, 0.7], [np.nan, np.nan]])) == ["F 0.70", "none"]
    quantities = (Quantity(name="z"), Quantity(name="teff", units="K"))
    values = Manifest(outputs="values", quantities=quantities, errors=True, **about)
    assert in_words(values, np.array([[0.1, 5777.0, 0.01, 50.0]])) == ["z 0.1 ± 0.01, teff 5777 ± 50 K"]
    embedding = Manifest(outputs="embedding", dimensions=4, **about)
    assert in_words(embedding, np.array([[1, 2.5, -3, 4]])) == ["1, 2.5, -3, …"]


@pytest.mark.parametrize(("kind", "factor"), [("u1", 1), ("f2", 1e4)])
def test_values_that_the_model_s_type_would_change_are_refused(tmp_path, kind, factor):
    node = helper.make_node("Cast", ["x"], ["answer"], to=1)
    path = write_model(tmp_path / "m.onnx", [node], [("x", ["n", 40], kind)], [("answer", ["n", 40])])
    given = {name: values * np.float32(factor) for name, values in block().items()}
    with pytest.raises(ConfigurationError, match=r"takes x as (uint8|float16), which would change .* 5 objects out of"):
        check_inputs(model_of(path), given)
    assert check_inputs(model_of(path, steps=("clip:-1,0",)), given)["possible"].all()
