"""The classifier behind the predictions, as its manifest describes it."""

from collections.abc import Iterator, Mapping
from typing import Any

import zarr

from survey_batch.core.wording import counted
from survey_batch.report.objects import Objects
from survey_batch.report.page import Content, Html, badge, facts, section, table, tag
from survey_batch.store.damage import read_attribute
from survey_batch.store.products import PROVENANCE

FINGERPRINT_DIGITS = 12

PARTS = {"test": "held-out test split", "cross_validation": "cross-validation"}


def classifier_section(group: zarr.Group, objects: Objects) -> Iterator[Html]:
    """Make the section from the manifest stored in the product `predictions`; nothing if it has none."""
    if not (manifest := read_attribute(group, "classifier")):
        return
    figures = _figures(manifest["metrics"]) or _value_figures(manifest["metrics"])
    yield section(
        "The classifier",
        facts(_facts(manifest, objects)),
        *([tag("h3", "Its own scores, from its training"), figures] if figures else []),
    )


def threshold_of(group: zarr.Group) -> float:
    """Read the confidence below which objects have no class; 0 if there is no threshold."""
    return float(read_attribute(group, PROVENANCE).get("predictions.threshold", 0))


def _facts(manifest: Mapping[str, Any], objects: Objects) -> Iterator[tuple[str, Content]]:
    training = manifest["training"]
    yield "kind", " · ".join(filter(None, (manifest["kind"], manifest.get("variant", ""))))
    if manifest["classes"]:
        yield "classes", [badge(name, objects.colors.get(name, "")) for name in manifest["classes"]]
    if manifest.get("dimensions"):
        yield "dimensions", str(manifest["dimensions"])
    if quantities := manifest.get("quantities"):
        yield "quantities", ", ".join(_quantity(one) for one in quantities)
    counts = training.get("objects", {})
    for split, found in counts.items():
        if found:
            yield _SPLITS.get(split, split), _counted(found)
    if fingerprint := training.get("fingerprint"):
        yield "training data", tag("code", f"sha256 {fingerprint[:FINGERPRINT_DIGITS]}…")
    if finished := training.get("finished"):
        yield "trained", str(finished)
    if restored := training.get("reconstruction"):
        yield "what is lost", _lost(restored)
    shared = training.get("stars_in_train_and_test", 0)
    if shared:
        yield "mind", f"{counted(shared, 'star')} with visits in both training and test: the scores below are too high"
    calibrated = f", temperature {manifest['temperature']:.3g}" if manifest["classes"] else ""
    yield "seed", f"{manifest['seed']}{calibrated}"
    yield "made with", ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())


def _quantity(one: Mapping[str, Any]) -> str:
    unit = "" if one["units"] == "1" else f" [{one['units']}]"
    factor = f", errors times {one['error_factor']:.3g}" if one.get("error_factor", 1) != 1 else ""
    return f"{one['name']}{unit}{factor}"


_SPLITS = {"train": "trained on", "validation": "tuned on", "test": "tested on"}


def _counted(found: Mapping[str, int]) -> str:
    each = ", ".join(f"{name} {number:,}" for name, number in found.items() if name)
    return counted(sum(found.values()), "object") + (f": {each}" if each else "")


def _lost(restored: Mapping[str, float]) -> str:
    """Say how well an embedding holds spectra, beside its baselines."""
    whole = max(restored["mean_spectrum"], 1e-12)
    share = {name: f"{100 * restored[name] / whole:.1f} %" for name in ("embedding", "components", "noise")}
    spectra = counted(int(restored["objects"]), "held-out spectrum", "held-out spectra")
    return (
        f"{share['embedding']} of the variance of {spectra} "
        f"({share['components']} with as many principal components, {share['noise']} is noise)"
    )


def _figures(metrics: Mapping[str, Mapping[str, Any]]) -> Html | None:
    """Write a line for each part of the manifest's metrics that has an accuracy."""
    parts = {name: one for name, one in metrics.items() if isinstance(one, Mapping) and "accuracy" in one}
    if not parts:
        return None
    columns = [key for key in _COLUMNS if any(one.get(key) is not None for one in parts.values())]
    beside = any(one.get("baselines") for one in parts.values())
    head = ("of", "objects", *(_COLUMNS[key] for key in columns), *(["baselines' accuracy"] * beside), "class prior")
    rows = [
        (
            PARTS.get(name, name),
            f"{one['objects']:,}" if "objects" in one else "–",
            *(with_95(one, key) for key in columns),
            *([", ".join(f"{key} {value:.3f}" for key, value in one.get("baselines", {}).items())] * beside),
            prior_text(one.get("prior", "as_found")),
        )
        for name, one in parts.items()
    ]
    return table(head, rows, numeric=range(1, len(columns) + 2), label="Figures from the training")


def _value_figures(metrics: Mapping[str, Mapping[str, Any]]) -> Html | None:
    """Write a line for each quantity in each part of the manifest's metrics."""
    parts = {name: one for name, one in metrics.items() if isinstance(one, Mapping) and "quantities" in one}
    if not parts:
        return None
    return value_table({PARTS.get(name, name): one["quantities"] for name, one in parts.items()})


def value_table(parts: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Html:
    """Make a table of the scores of quantities, for parts by name; "" is a part that needs no name."""
    rows = [
        (*([name] if name else []), quantity, *(_number(one, key) for key in _FIGURES))
        for name, quantities in parts.items()
        for quantity, one in quantities.items()
    ]
    head = (*(["of"] if any(parts) else []), "quantity", *_FIGURES.values())
    first = len(head) - len(_FIGURES)
    return table(head, rows, numeric=range(first, len(head)), label="Scores of the quantities")


_FIGURES = {
    "bias": "bias",
    "nmad": "NMAD",
    "rms": "RMS",
    "outliers": "outliers",
    "within_68": "in the 68 % interval",
    "within_95": "in the 95 % interval",
}


def _number(one: Mapping[str, Any], name: str) -> str:
    """Write a figure, the limit beyond which outliers are, and the interval of those that are stated with one."""
    if one.get(name) is None:
        return "–"
    ends = one.get(f"{name}_95") if name in ("nmad", "within_68", "within_95") else None
    limit = one.get("outlier_beyond") if name == "outliers" else None
    beyond = "" if limit is None else f" beyond {limit:.3g}"
    return f"{one[name]:.3g}{beyond}" + (f" [{ends[0]:.3g}, {ends[1]:.3g}]" if ends else "")


_COLUMNS = {
    "accuracy": "accuracy [95 %]",
    "macro_f1": "macro F1 [95 %]",
    "top_2": "top 2",
    "within_one_class": "within one class",
}


def with_95(one: Mapping[str, Any], name: str, digits: int = 3) -> str:
    """Write a figure and its interval, as far as they are known."""
    if one.get(name) is None:
        return "–"
    ends = one.get(f"{name}_95")
    return f"{one[name]:.{digits}f}" + (f" [{ends[0]:.{digits}f}, {ends[1]:.{digits}f}]" if ends else "")


def prior_text(prior: str | Mapping[str, float]) -> str:
    """Write a class prior in words."""
    if isinstance(prior, str):
        return {"as_found": "as found", "equal": "equal shares"}.get(prior, prior)
    return ", ".join(f"{name} {share:.3g}" for name, share in prior.items())
