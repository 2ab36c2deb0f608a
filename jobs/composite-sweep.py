"""Which bands, in which order, with which Q and stretch make the best colour images? All of them, as one Dask job.

    python jobs/composite-sweep.py jobs/stellar-images.toml [--q 2 8 20] [--stretch 0.1 0.5 2] [--set key=value …]

The job's product `cutouts` must be there. Each task composes the images of one recipe on a worker, trains the same
small network on the split `train` for the same number of epochs, and scores it on the split `validation`: the test
split stays untouched for the recipe that is chosen. The 60 ordered triples of five bands are tried with each Q and
stretch. Results are written as they come, and what is there already is not done again. The cluster is that of the job.
"""

# ruff: noqa: T201 - a script that talks to a person
import argparse
import csv
from collections.abc import Iterable
from functools import lru_cache, partial
from itertools import permutations, product
from pathlib import Path

import numpy as np
from distributed import as_completed

from survey_batch.cluster import connect
from survey_batch.config.job import Job
from survey_batch.config.jobfile import load_job
from survey_batch.config.sections.images import CompositesSection
from survey_batch.config.sections.train_images import ImageTraining
from survey_batch.core.errors import ConfigurationError
from survey_batch.images.composite import composite_images
from survey_batch.models.classes import class_numbers, classes_among
from survey_batch.models.labelled import Labelled
from survey_batch.models.stellar_image import ImageCNN
from survey_batch.training.labelled_rows import read_labelled

KEY = ("bands", "q", "stretch", "seed", "epochs", "stars")
"""What a result is of."""
COLUMNS = (*KEY, "accuracy", "loss")
Row = dict[str, str]


def recipes(bands: str, qs: Iterable[float], stretches: Iterable[float]) -> list[CompositesSection]:
    """All ordered triples of bands with each Q and stretch, on one flux scale."""
    triples = ["".join(triple) for triple in permutations(bands, 3)]
    return [CompositesSection(bands=b, q=q, stretch=s) for b, q, s in product(triples, qs, stretches)]


@lru_cache(maxsize=1)
def stars_of(output: str, job_text: str, most: int) -> tuple[Labelled, Labelled, str]:
    """Read the training and validation stars, once in each worker, and the names of their bands."""
    data = read_labelled(Job.model_validate_json(job_text), "cutouts", ("flux",))
    bands = "".join(str(band) for band in data.coordinates["band"])
    parts = [data.of_split(name) for name in ("train", "validation")]
    if not all(len(part) for part in parts):
        raise ConfigurationError(f"{output} needs stars of the splits train and validation; set [catalog.split]")
    chosen = [np.random.default_rng(1).permutation(len(part))[:most] for part in parts]
    train, held_out = (part.take(np.sort(rows)) for part, rows in zip(parts, chosen, strict=True))
    return in_memory(train), in_memory(held_out), bands


def in_memory(data: Labelled) -> Labelled:
    """The same objects, read."""
    return Labelled(data.block, data.label, data.split, data.object_id, data.star, data.coordinates)


def composed(data: Labelled, bands: str, recipe: CompositesSection) -> Labelled:
    """The same objects as colour images."""
    channels = {"channel": np.array(["red", "green", "blue"])}
    images = composite_images(data.block["flux"], bands, recipe)
    return Labelled({"image": images}, data.label, data.split, data.object_id, data.star, channels)


def score(recipe: CompositesSection, job_text: str, output: str, most: int, section: ImageTraining) -> Row:
    """Train on images made by one recipe, and say how good the network is."""
    import keras

    train, held_out, bands = stars_of(output, job_text, most)
    classes = classes_among(train.label)
    held_out = held_out.of_classes(classes)
    fitted = ImageCNN.fit(composed(train, bands, recipe), section, classes=classes)
    probability = fitted.predict_proba(composed(held_out, bands, recipe).block)
    true = class_numbers(held_out.label, classes)
    keras.backend.clear_session()  # a worker trains hundreds of networks
    right = np.mean(probability.argmax(axis=1) == true)
    loss = -np.mean(np.log(np.clip(probability[np.arange(len(true)), true], 1e-7, 1)))
    values = (*key_of(recipe, section, most), f"{right:.4f}", f"{loss:.4f}")
    return dict(zip(COLUMNS, map(str, values), strict=True))


def key_of(recipe: CompositesSection, section: ImageTraining, most: int) -> tuple[str, ...]:
    """What a result is of."""
    return tuple(map(str, (recipe.bands, recipe.q, recipe.linear_stretch, section.seed, section.epochs, most)))


def read_rows(path: Path) -> list[Row]:
    """What was found before; a line that a stop cut short is left out."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if None not in row.values() and row["loss"]]


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write all results anew."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows(rows)


def still_to_do(
    wanted: list[CompositesSection], rows: list[Row], section: ImageTraining, most: int
) -> list[CompositesSection]:
    """The recipes without a result."""
    done = {tuple(row[name] for name in KEY) for row in rows}
    return [one for one in wanted if key_of(one, section, most) not in done]


def summary(rows: list[Row]) -> list[str]:
    """The best recipes, and how much each choice matters."""
    accuracy = np.array([float(row["accuracy"]) for row in rows])
    sets = np.array(["".join(sorted(row["bands"], key="ugriz".index)) for row in rows])
    scale = np.array([f"Q {row['q']} stretch {row['stretch']}" for row in rows])
    lines = [f"{len(rows)} recipes, accuracy {accuracy.min():.3f} to {accuracy.max():.3f}; the best five:"]
    best = np.argsort(-accuracy, kind="stable")[:5]
    lines += [f"    {rows[i]['bands']} {scale[i]}: {accuracy[i]:.3f}" for i in best]
    for title, names in (("bands", sets), ("scale", scale)):
        means = {name: accuracy[names == name].mean() for name in np.unique(names)}
        ordered = sorted(means.items(), key=lambda item: -item[1])
        lines.append(f"mean by {title}: " + ", ".join(f"{name} {mean:.3f}" for name, mean in ordered))
    groups = [accuracy[(sets == a) & (scale == b)] for a in np.unique(sets) for b in np.unique(scale)]
    spreads = [group.std(ddof=1) for group in groups if len(group) > 1]
    if spreads:
        within = float(np.sqrt(np.mean(np.square(spreads))))
        lines.append(f"standard deviation over the orders of the same bands on the same scale: {within:.3f}")
    return lines


def plot(rows: list[Row], path: Path) -> None:
    """Accuracy of every order of every set of bands, a colour for each scale."""
    from matplotlib.figure import Figure

    sets = ["".join(sorted(row["bands"], key="ugriz".index)) for row in rows]
    accuracy = [float(row["accuracy"]) for row in rows]
    means = {name: np.mean([a for a, s in zip(accuracy, sets, strict=True) if s == name]) for name in set(sets)}
    place = {name: number for number, name in enumerate(sorted(means, key=lambda name: -means[name]))}
    scales = sorted({(float(row["q"]), float(row["stretch"])) for row in rows})
    figure = Figure(figsize=(8, 4.2), dpi=110, layout="constrained")
    axes = figure.subplots()
    for number, (q, stretch) in enumerate(scales):
        chosen = [i for i, row in enumerate(rows) if (float(row["q"]), float(row["stretch"])) == (q, stretch)]
        across = [place[sets[i]] + 0.7 * ((number + 0.5) / len(scales) - 0.5) for i in chosen]
        axes.plot(across, [accuracy[i] for i in chosen], "o", ms=4, alpha=0.7, label=f"Q {q:g}, stretch {stretch:g}")
    axes.set_xticks(range(len(place)), list(place))
    axes.set(xlabel="bands; a point for each of six orders", ylabel="accuracy on the validation split")
    axes.legend(fontsize=8, ncols=2)
    figure.savefig(path)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("job", help="Job file whose product `cutouts` is there.")
    parser.add_argument("--q", type=float, nargs="+", default=[2.0, 8.0, 20.0])
    parser.add_argument("--stretch", type=float, nargs="+", default=[0.1, 0.5, 2.0])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--stars", type=int, default=20_000, help="Most training stars, and most validation stars.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="As in survey-batch run.")
    parser.add_argument("--output", type=Path, help="CSV file; a plot is written beside it.")
    options = parser.parse_args()
    job = load_job(options.job, options.set)
    path = options.output or Path(job.output) / "composite-sweep.csv"
    rows = read_rows(path)
    write_rows(path, rows)
    table = {"crop": min(32, job.cutouts.size), "epochs": options.epochs, "seed": options.seed}
    section = ImageTraining(classifier="-", product="composites", **table)
    fixed = {"seed": options.seed, "epochs": options.epochs, "stars": options.stars}
    work = still_to_do(recipes(job.frames.bands, options.q, options.stretch), rows, section, options.stars)
    fit = partial(score, job_text=job.model_dump_json(), output=job.output, most=options.stars, section=section)
    print(f"{len(rows)} results in {path}, {len(work)} recipes to try")
    with connect(job.cluster, job.output, print) as connection, path.open("a", newline="", encoding="utf-8") as file:
        table_file = csv.DictWriter(file, COLUMNS)
        for future in as_completed(connection.client.map(fit, work, pure=False)):
            rows.append(future.result())
            table_file.writerow(rows[-1])
            file.flush()
            if len(rows) % 20 == 0:
                print(f"    {len(rows)}: {rows[-1]}", flush=True)
    rows = [row for row in rows if all(row[name] == str(value) for name, value in fixed.items())]
    print("\n".join(summary(rows)))
    plot(rows, path.with_suffix(".png"))


if __name__ == "__main__":
    main()
