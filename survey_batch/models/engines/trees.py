"""Trees of scikit-learn as ONNX operators: decision trees, forests and histogram gradient boosting.

All trees of a model become one node, TreeEnsembleRegressor of `ai.onnx.ml`, that adds up the leaves which an object
reaches. A missing value (NaN) takes the branch that scikit-learn takes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from survey_batch.core.arrays import F4, F8, Flags, Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.engines.graph import TREES, Graph, Value
from survey_batch.models.engines.network import INPUT

KINDS = ("DecisionTree", "ExtraTree", "ExtraTrees", "RandomForest", "HistGradientBoosting")
"""Estimators that are converted, each as classifier and as regressor."""


@dataclass(frozen=True)
class Tree:
    """The nodes of a tree, the root first; a leaf has entries that mean nothing in all arrays but `leaf` and `value`.

    Attributes
    ----------
    feature, threshold : (node,)
        A value goes left if it is not above the threshold.
    missing_left : (node,) bool
        Whether NaN goes left.
    left, right : (node,) int
        Numbers of the nodes below.
    leaf : (node,) bool
    column : (target,) int
        Columns of the answer that the tree adds to.
    value : (node, target) float64
        What it adds at a leaf.
    """

    feature: Index
    threshold: F8
    missing_left: Flags
    left: Index
    right: Index
    leaf: Flags
    column: Index
    value: F8


def trees_graph(model: Any) -> tuple[Graph, Value, Value]:
    """Convert a fitted estimator of scikit-learn.

    Parameters
    ----------
    model
        A classifier gives probabilities in the order of its `classes_`, a regressor values.

    Returns
    -------
    graph, input, output
        The graph; its input, named `inputs`, and its output, (object, column).

    Raises
    ------
    ConfigurationError
        The estimator is none of `KINDS`, has several labels, or splits by categories.
    """
    kind = type(model).__name__.removesuffix("Classifier").removesuffix("Regressor")
    if kind not in KINDS or not type(model).__module__.startswith("sklearn."):
        raise ConfigurationError(
            f"the model is a {type(model).__name__}, and of scikit-learn only decision trees, forests and histogram "
            "gradient boosting are exported to ONNX from here; one of your own can be exported with skl2onnx where it "
            "was trained, and survey-batch adopt takes that file"
        )
    graph, entry = Graph(), Value(INPUT, (None, int(model.n_features_in_)))
    output = (_boosted if kind == "HistGradientBoosting" else _forest)(graph, model)
    return graph, entry, output


def _forest(graph: Graph, model: Any) -> Value:
    """Convert a tree, or the mean of a forest's trees."""
    is_classifier = hasattr(model, "classes_")
    if is_classifier and model.n_outputs_ > 1:
        raise ConfigurationError(f"the {type(model).__name__} has {model.n_outputs_} labels; export one for each label")
    parts = getattr(model, "estimators_", [model])
    trees = []
    for tree in (part.tree_ for part in parts):
        value = tree.value[:, 0, :] if is_classifier else tree.value[:, :, 0]
        if is_classifier:  # shares of the classes, or weights of them
            value = value / value.sum(axis=1, keepdims=True)
        trees.append(
            Tree(
                feature=tree.feature,
                threshold=tree.threshold,
                missing_left=tree.missing_go_to_left.astype(bool),
                left=tree.children_left,
                right=tree.children_right,
                leaf=tree.children_left < 0,
                column=np.arange(value.shape[1]),
                value=value / len(parts),
            )
        )
    columns = trees[0].value.shape[1]
    return Value(_ensemble(graph, trees, np.zeros(columns)), (None, columns))


def _boosted(graph: Graph, model: Any) -> Value:
    """Convert histogram gradient boosting: a sum of trees, then the inverse of the link that it was fitted with."""
    known = vars(model)  # scikit-learn gives no other access to these
    baseline, trees = known["_baseline_prediction"].ravel(), []
    for parts in known["_predictors"]:
        for column, nodes in enumerate(part.nodes for part in parts):
            if nodes["is_categorical"].any():
                raise ConfigurationError(
                    f"the {type(model).__name__} splits by categories, which cannot be converted to ONNX here: fit it "
                    "to numbers, or export it with skl2onnx where it was trained"
                )
            trees.append(
                Tree(
                    feature=nodes["feature_idx"],
                    threshold=nodes["num_threshold"],
                    missing_left=nodes["missing_go_to_left"].astype(bool),
                    left=nodes["left"].astype(np.intp),
                    right=nodes["right"].astype(np.intp),
                    leaf=nodes["is_leaf"].astype(bool),
                    column=np.array([column]),
                    value=nodes["value"][:, None],
                )
            )
    total, columns = _ensemble(graph, trees, baseline), len(baseline)
    if hasattr(model, "classes_"):
        if columns > 1:
            return Value(graph.add("Softmax", total, axis=-1), (None, columns))
        second = graph.add("Sigmoid", total)
        return Value(graph.add("Concat", graph.add("Sub", graph.constant(1), second), second, axis=-1), (None, 2))
    return Value(graph.add("Exp", total) if model.loss in ("poisson", "gamma") else total, (None, columns))


def _ensemble(graph: Graph, trees: Sequence[Tree], baseline: F8) -> str:
    """Add the node that sums the leaves of all trees, (object, column)."""
    sizes = [len(tree.leaf) for tree in trees]
    leaf = np.concatenate([tree.leaf for tree in trees])

    def inner(name: str) -> npt.NDArray[Any]:
        values = np.concatenate([getattr(tree, name) for tree in trees])
        return np.where(leaf, 0, values)

    nodes = {
        "nodes_treeids": np.repeat(np.arange(len(trees)), sizes),
        "nodes_nodeids": np.concatenate([np.arange(size) for size in sizes]),
        "nodes_modes": np.where(leaf, "LEAF", "BRANCH_LEQ"),
        "nodes_featureids": inner("feature"),
        "nodes_values": rounded_down(inner("threshold")),
        "nodes_truenodeids": inner("left"),
        "nodes_falsenodeids": inner("right"),
        "nodes_missing_value_tracks_true": inner("missing_left"),
    }
    # A leaf has an entry for each column that it adds to.
    leaves = [np.repeat(np.flatnonzero(tree.leaf), len(tree.column)) for tree in trees]
    weights = {
        "target_treeids": np.repeat(np.arange(len(trees)), [len(nodes) for nodes in leaves]),
        "target_nodeids": np.concatenate(leaves),
        "target_ids": np.concatenate([np.tile(tree.column, int(tree.leaf.sum())) for tree in trees]),
        "target_weights": np.concatenate([tree.value[tree.leaf].ravel() for tree in trees]),
    }
    return graph.add(
        "TreeEnsembleRegressor",
        INPUT,
        domain=TREES,
        n_targets=len(baseline),
        aggregate_function="SUM",
        base_values=baseline.tolist(),
        **{name: values.tolist() for name, values in {**nodes, **weights}.items()},
    )


def rounded_down(threshold: F8) -> F4:
    """Round to float32 so that exactly the float32 values that were not above a threshold are not above it now."""
    with np.errstate(over="ignore"):
        near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)
