"""Exact search for neighbours beside an index, and two outlier scores beside each other, on simulated vectors.

    python -m benchmarks.similar [--objects 100000] [--dimensions 16] [--queries 100] [--only exact]
    python -m benchmarks.similar --job JOB.toml

Vectors lie in clusters drawn by chance, of different sizes, with a common background. Seconds are CPU-seconds. The
index is that of hnswlib (`pip install hnswlib`); without it, only the exact search is timed.

Planted outliers: one in a hundred is a vector of the data with one, a few or all of its dimensions replaced by those of
a distribution five times as wide. The figure is the area under the ROC curve: how often a planted one has a
higher score than one of the others.

With a job whose predictions are an embedding, it prints how often the nearest neighbours have the label of an object.
"""

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from benchmarks.timing import as_a_worker, machine
from survey_batch.config.jobfile import load_job
from survey_batch.core.arrays import F4, Flags, Index
from survey_batch.core.threads import one_thread
from survey_batch.lazy.products import open_product
from survey_batch.models.neighbours import nearest
from survey_batch.results.outliers import OutlierScore, reference_rows
from survey_batch.results.similar import similar

TOP = 20
BLOCK = 500_000
CLUSTERS = 200
WIDTH = 0.3
LINKS, EFFORT = (16, 200), (50, 100, 200)
"""Links of a node and effort of the building of the index; efforts of its search."""
PLANTED = 0.01
SCORED = 8000
PARTS = ("exact", "index", "outliers")


def clustered(objects: int, dimensions: int, seed: int = 1) -> F4:
    """Draw vectors in clusters, nine in ten, and of a background."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(CLUSTERS, dimensions))
    share = random.dirichlet(np.full(CLUSTERS, 0.5))
    which = random.choice(CLUSTERS, objects, p=share)
    vectors = centres[which] + WIDTH * random.normal(size=(objects, dimensions))
    background = random.random(objects) < 0.1
    vectors[background] = random.normal(size=(int(background.sum()), dimensions))
    return vectors.astype(np.float32)


def seconds(work: Callable[[], Any], rounds: int = 3) -> tuple[float, Any]:
    """Return the least CPU-seconds of some rounds, and what the last gave."""
    took = []
    for _ in range(rounds):
        begun = time.process_time()
        result = work()
        took.append(time.process_time() - begun)
    return min(took), result


def exact(vectors: F4, queries: int) -> Index:
    """Time the exact search, of one object and of several together."""
    blocks = [(start, vectors[start : start + BLOCK]) for start in range(0, len(vectors), BLOCK)]
    for count in (1, queries):
        took, found = seconds(lambda: nearest(vectors[:count], blocks, TOP))  # noqa: B023 - called at once
        print(f"exact, {count} object{'s' * (count > 1)}: {took:.3f} s", flush=True)
    return found.rows


def indexed(vectors: F4, wanted: Index) -> None:
    """Time the building of an index and its search, and count what it finds of the true neighbours."""
    import hnswlib

    links, effort = LINKS
    index = hnswlib.Index("l2", vectors.shape[1])
    index.init_index(len(vectors), M=links, ef_construction=effort, random_seed=1)
    took, _ = seconds(lambda: index.add_items(vectors, num_threads=1), 1)
    print(f"hnswlib, building: {took:.1f} s", flush=True)
    for search in EFFORT:
        index.set_ef(search)
        took, (found, _) = seconds(lambda: index.knn_query(vectors[: len(wanted)], TOP, num_threads=1))
        right = np.mean([np.isin(a, b).mean() for a, b in zip(found, wanted, strict=True)])
        print(f"hnswlib, {len(wanted)} objects, effort {search}: {took:.4f} s, recall@{TOP} {right:.4f}", flush=True)


def planted(vectors: F4, replaced: int, seed: int = 2) -> tuple[F4, Flags]:
    """Replace some dimensions of one vector in a hundred."""
    random = np.random.default_rng(seed)
    strange, vectors = random.random(len(vectors)) < PLANTED, vectors.copy()
    for row in np.flatnonzero(strange):
        where = random.choice(vectors.shape[1], replaced, replace=False)
        vectors[row, where] = 5 * vectors.std(axis=0)[where] * random.normal(size=replaced)
    return vectors, strange


def outliers(vectors: F4) -> None:
    """Compare the distance to the tenth neighbour with an isolation forest."""
    from sklearn.ensemble import IsolationForest
    from sklearn.metrics import roc_auc_score

    def by_distance(values: F4) -> F4:
        rows = reference_rows(np.ones(len(values), bool))
        return OutlierScore.from_reference(rows, values[rows]).scores(np.arange(len(values)), values)

    def by_forest(values: F4) -> F4:
        scaled = (values - values.mean(axis=0)) / values.std(axis=0)
        return np.asarray(
            -IsolationForest(n_estimators=200, random_state=1).fit(scaled).score_samples(scaled), np.float32
        )

    for replaced in (1, 3, vectors.shape[1]):
        values, strange = planted(vectors, replaced)
        for name, score in (("10th neighbour", by_distance), ("isolation forest", by_forest)):
            took, scores = seconds(lambda: score(values), 1)  # noqa: B023 - called at once
            area = roc_auc_score(strange, scores)
            which = f"{replaced} of {values.shape[1]} dimensions strange"
            print(f"{which}, {name}: area {area:.3f}, {took:.1f} s", flush=True)


def labels(path: str, top: int = 5) -> None:
    """Count for each label of a finished job how many of the nearest objects share it."""
    job = load_job(path)
    with open_product(job, "predictions") as product:
        label = dict(zip(product["object_id"].values, product["label"].values, strict=True))
    found = similar(job, [name for name, own in label.items() if own], top)
    own = found["object"].map(label)
    for name in sorted(set(own)):
        here = found[own == name]
        same = here["label"] == name
        first = same[here["rank"] == 1].mean()
        print(f"{name}: {len(here) // top} objects; same label: nearest {first:.2f}, of {top} {same.mean():.2f}")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.similar", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=16)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--job")
    options = parser.parse_args()
    as_a_worker("benchmarks.similar")
    if options.job:
        labels(options.job)
        return
    print(f"{machine()}\n{options.objects:,} vectors of {options.dimensions} dimensions, top {TOP}, CPU-seconds\n")
    vectors = clustered(options.objects, options.dimensions)
    with one_thread():
        if {"exact", "index"} & {*options.only}:
            wanted = exact(vectors, options.queries)
            if "index" in options.only and find_spec("hnswlib"):
                indexed(vectors, wanted)
        if "outliers" in options.only:
            outliers(clustered(SCORED, options.dimensions))


if __name__ == "__main__":
    main()
