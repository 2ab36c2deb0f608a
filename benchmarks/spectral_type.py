"""Cross-validated figures of the spectral type on real LAMOST spectra, beside the baselines, in the same folds.

    python benchmarks/spectral_type.py [--seeds 3] [--folds 5] [--out scores.json]

Reads the survey data named by SURVEY_BATCH_DATA, else ../shared/data beside the checkout: spectra in
`lamost/spectra`, `lamost/catalog.csv`, PyHammer's templates in `templates/pyhammer_stellar_templates.fits`. Folds
are stratified by class and grouped by star; nothing is fitted to a star that it is tested on. Each seed is one whole
cross-validation with its own folds and network; the mean over seeds has the spread of folds and networks
averaged out, not that of the choice of stars, which is what the standard errors of the bootstrap over stars say.
"""

import argparse
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from survey_batch.archive.decompress import LAMOST_CEILING, decompress
from survey_batch.archive.lamost import read_spectrum
from survey_batch.catalog.labels import spectral_type
from survey_batch.catalog.split import group_by_star
from survey_batch.classifiers.labelled import Labelled
from survey_batch.classifiers.scores import describe
from survey_batch.classifiers.spectral_type import CLASSES
from survey_batch.classifiers.train import cross_validate
from survey_batch.job import TrainSection
from survey_batch.spectra.grid import log_grid, to_grid

FIRST_SEED = 10
"""Seeds 0 to 3 served to choose the network's design; the figures come from other folds (but the same stars)."""

DATA = Path(os.environ.get("SURVEY_BATCH_DATA", Path(__file__).parents[2] / "shared" / "data"))


def read(folder: Path) -> Labelled:
    """All labelled spectra of the folder, on the default grid."""
    parse = pyarrow.csv.ParseOptions(delimiter="|")
    table = pyarrow.csv.read_csv(folder / "lamost" / "catalog.csv", parse_options=parse)
    label = np.array(spectral_type(table["class"].combine_chunks(), table["subclass"].combine_chunks()).to_pylist())
    table = table.filter(pa.array(kept := np.isin(label, CLASSES)))
    names = np.array(table["filename"].to_pylist())
    grid = log_grid(3700.0, 9100.0)
    raw = ((folder / "lamost" / "spectra" / name).read_bytes() for name in names)
    block = to_grid([read_spectrum(decompress(data, LAMOST_CEILING)) for data in raw], grid)
    ra, dec = (table[name].to_numpy().astype(np.float64) for name in ("ra", "dec"))
    return Labelled(
        dict(zip(("flux", "ivar", "mask"), block, strict=True)),
        label=label[kept],
        split=np.full(len(names), ""),
        object_id=names,
        star=group_by_star(ra, dec, 3.0),
        coordinates={"wavelength": grid},
    )


def averages(runs: list[dict]) -> list[str]:
    """Mean over seeds of each classifier's figures, with the standard deviation over seeds."""
    lines = []
    for name in (name for name in ("classifier", "components_svm", "templates") if name in runs[0]):
        for key, title in (("among_ordered", "A to M"), (None, "all")):
            parts = [run[name][key] if key else run[name] for run in runs]
            mean, spread = (f([[one["accuracy"], one["macro_f1"]] for one in parts], axis=0) for f in (np.mean, np.std))
            error = np.mean([one["accuracy_standard_error"] for one in parts])
            lines.append(
                f"{name:15} {title:7} accuracy {mean[0]:.3f} ± {error:.3f} (seeds {spread[0]:.3f}), "
                f"macro F1 {mean[1]:.3f} (seeds {spread[1]:.3f})"
            )
    return lines


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=TrainSection(classifier="-").epochs)
    parser.add_argument("--members", type=int, default=TrainSection(classifier="-").members)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    data = read(DATA)
    print(f"{len(data)} spectra of {len(np.unique(data.star))} stars: {data.counts()}")
    runs = []
    for seed in range(FIRST_SEED, FIRST_SEED + options.seeds):
        section = TrainSection(
            classifier="-",
            seed=seed,
            folds=options.folds,
            epochs=options.epochs,
            members=options.members,
            templates=str(DATA / "templates" / "pyhammer_stellar_templates.fits"),
        )
        runs.append(cross_validate(data, section))
        print(f"seed {seed}\n" + describe({"classes": CLASSES, "cross_validation": runs[-1]}), flush=True)
    print("\n".join(averages(runs)))
    if options.out:
        options.out.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
