"""Redshifts of galaxies and quasars, and temperatures of stars, with their errors: simulated and real spectra apart.

    python -m benchmarks.quantities [--each 1500] [--epochs 25] [--parts redshift temperature] [--out scores.json]

- `redshift`: trained on simulated galaxies and quasars, `--each` of each, which are made of PyHammer's templates where
  the survey data has them. Errors are calibrated on other simulated spectra. Tested on simulated spectra of a third
  seed, and on the real galaxies and quasars of LAMOST.
- `temperature`: of real stars of LAMOST, in folds by star. The truth is the temperature of their spectral subtype
  (Pecaut & Mamajek 2013, ApJS 208, 9), so it repeats the errors of LAMOST's subtypes: among visits of one star, the
  subtype agrees in 47 %. Without the survey data, simulated stars take their place.

Real spectra are survey data named by SURVEY_BATCH_DATA, else ../shared/data beside the checkout.
"""

import argparse
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.galaxy_quasar_star import DATA, GRID, labelled, real
from benchmarks.timing import machine
from survey_batch.config.sections.train_quantities import QuantitiesTraining
from survey_batch.models.artifact import read_arrays, write_arrays
from survey_batch.models.describe_values import describe_values
from survey_batch.models.fitted import predict_rows, valid_rows_of
from survey_batch.models.fitting import Workspace
from survey_batch.models.judging import ByValues
from survey_batch.models.labelled import Labelled
from survey_batch.models.plots import intervals_plot, residuals_plot
from survey_batch.models.spectral_quantities import SpectralQuantities
from survey_batch.spectra.synthetic.examples import simulate_examples
from survey_batch.spectra.synthetic.spectra import LETTERS, temperature
from survey_batch.spectra.synthetic.star_library import StarLibrary, drawn_stars, template_stars
from survey_batch.training.evaluation import cross_validate

KINDS = ("GALAXY", "QSO")
SEEDS = {"train": 11, "test": 12, "calibrate": 13}
SUBTYPE = re.compile(rf"([{LETTERS}])(\d)")


def section_of(options: argparse.Namespace, **keys: Any) -> QuantitiesTraining:
    """Table [train] of a part."""
    return QuantitiesTraining(classifier="-", seed=options.seed, **keys)


def simulated(each: int, seed: int, stars: StarLibrary, section: QuantitiesTraining, folder: Path | None) -> Labelled:
    """Simulated galaxies and quasars with their redshifts; a folder keeps them for the next time."""
    path = folder / f"redshifts-{each}-{seed}.npz" if folder else None
    if path and path.exists():
        block = read_arrays(path)
        label = block.pop("label")
    else:
        block, label = simulate_examples(dict.fromkeys(KINDS, each), GRID, seed=seed, stars=stars)
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_arrays(path, {**block, "label": label.astype(str)})
    return with_target(labelled(block, label, np.arange(len(label)).astype(str)), block["redshift"], section)


def with_target(data: Labelled, values: np.ndarray, section: QuantitiesTraining) -> Labelled:
    """Rows with one quantity in place of labels."""
    target = np.asarray(values, np.float64)[:, None]
    return replace(data, target=target, quantities=SpectralQuantities.quantities_of(section))


def redshifts(options: argparse.Namespace) -> dict[str, Any]:
    """Train on simulated galaxies and quasars; test on simulated and real ones."""
    section = section_of(options, epochs=options.epochs, columns=("z",), scale={"z": "redshift"})
    templates = DATA / "templates" / "pyhammer_stellar_templates.fits"
    stars = template_stars(str(templates)) if templates.exists() else drawn_stars()
    sizes = {"train": options.each, "test": options.test, "calibrate": options.test}
    rows = {name: simulated(sizes[name], seed, stars, section, options.save) for name, seed in SEEDS.items()}
    start = time.process_time()
    model = SpectralQuantities.fit(rows["train"], section, workspace=Workspace(None, lambda text: print("   ", text)))
    judge, held_out = ByValues(rows["train"].quantities), rows["calibrate"]
    update = judge.calibration(held_out, predict_rows(model, held_out))
    model.manifest = model.manifest.model_copy(update=update)
    print(f"redshift: {time.process_time() - start:.0f} CPU-seconds of training", flush=True)
    tests = {"simulated": rows["test"], **{name: rows["test"].take(rows["test"].label == name) for name in KINDS}}
    if (DATA / "lamost" / "catalog.csv").exists():
        found = real(DATA)
        found = found.take(np.isin(found.label, KINDS))
        tests["real"] = with_target(found, found.block["redshift"], section)
    baselines = model.baselines(rows["train"], section, ())
    fitted = {name: fit(rows["train"], section.seed) for name, fit in baselines.items()}
    scores: dict[str, Any] = {**judge.named(), **judge.fitted(model.manifest)}
    for name, data in tests.items():
        answers = {"classifier": predict_rows(model, data), **{key: predict(data) for key, predict in fitted.items()}}
        scores[name] = judge.scores(data, answers, section.seed)
    print(describe_values(scores))
    if "real" in tests:
        tell(tests["real"], predict_rows(model, tests["real"]))
    draw(scores, ("simulated", "real"), judge, options, "redshift")
    return scores


def tell(data: Labelled, answers: np.ndarray) -> None:
    """Write what is said of each real object."""
    for label, true, snr, answer in zip(data.label, data.targets[:, 0], data.block["snr"], answers, strict=True):
        print(f"    {label:7} S/N {snr:5.1f}  z = {true:.4f}: {answer[0]:.4f} +- {answer[1]:.4f}")


def temperatures(options: argparse.Namespace) -> dict[str, Any]:
    """Predict the temperatures of real stars out of fold."""
    learnt = {"columns": ("teff",), "scale": {"teff": "log"}, "units": {"teff": "K"}}
    section = section_of(options, epochs=options.star_epochs, folds=5, snr=(5, 100), **learnt)
    data = real_stars(section) if (DATA / "lamost" / "catalog.csv").exists() else simulated_stars(section)
    possible = data.take(valid_rows_of(SpectralQuantities, data, SpectralQuantities.recipe_of(data, section)))
    start = time.process_time()
    scores = {"quantities": ["teff"], "cross_validation": cross_validate(possible, section)}
    print(f"temperature: {time.process_time() - start:.0f} CPU-seconds of {section.folds} trainings, with baselines")
    print(describe_values(scores), flush=True)
    draw(scores, ("cross_validation",), ByValues(data.quantities), options, "temperature")
    return scores


def real_stars(section: QuantitiesTraining) -> Labelled:
    """Real stars with a subtype such as G2; visits of one star share its number."""
    import pyarrow.csv

    from survey_batch.catalog.stars import group_by_star

    parse = pyarrow.csv.ParseOptions(delimiter="|")
    table = pyarrow.csv.read_csv(DATA / "lamost" / "catalog.csv", parse_options=parse).to_pandas()
    table = table.set_index("filename")
    data = real(DATA)
    listed = table.loc[data.object_id]
    found = [SUBTYPE.match(str(name)) for name in listed["subclass"]]
    kelvin = [temperature(10 * LETTERS.index(one[1]) + int(one[2])) if one else np.nan for one in found]
    star = group_by_star(listed["ra"].to_numpy(float), listed["dec"].to_numpy(float), 3.0)
    known = np.isfinite(kelvin) & (data.label == "STAR")
    return with_target(replace(data, star=star), np.array(kelvin), section).take(known)


def simulated_stars(section: QuantitiesTraining) -> Labelled:
    """Simulated stars, where there are no real ones."""
    from survey_batch.spectra.synthetic.observation import observe_spectrum
    from survey_batch.spectra.synthetic.targets import draw_target, effective_temperature, spectrum_of

    seen, kelvin = [], []
    for number in range(450):
        target, rng = draw_target(number, 1)
        if (one := effective_temperature(target)) is not None:
            kelvin.append(one)
            seen.append(observe_spectrum(GRID, spectrum_of(target, GRID, rng), target.snr, rng))
    block: dict[str, Any] = {
        name: np.array([getattr(one, name) for one in seen], np.float32) for name in ("flux", "ivar")
    }
    block["mask"] = np.array([one.and_mask for one in seen], np.int32)
    names = np.arange(len(kelvin)).astype(str)
    return with_target(labelled(block, np.full(len(kelvin), "STAR"), names), np.array(kelvin), section)


def draw(
    scores: dict[str, Any], parts: tuple[str, ...], judge: ByValues, options: argparse.Namespace, what: str
) -> None:
    """Draw estimates against the truth, and the intervals."""
    if options.plots is None:
        return
    options.plots.mkdir(parents=True, exist_ok=True)
    there = [part for part in parts if part in scores]
    for part in there:
        points = {name: one["points"] for name, one in scores[part]["classifier"]["quantities"].items()}
        name = f"{what}-{part.replace('_', '-')}"
        residuals_plot(points, judge.quantities, part.replace("_", "-"), options.plots / f"{name}.png")
    curves = {
        part.replace("_", "-"): one["intervals"]
        for part in there
        for one in scores[part]["classifier"]["quantities"].values()
    }
    intervals_plot(curves, "Intervals", options.plots / f"{what}-intervals.png")


PARTS = {"redshift": redshifts, "temperature": temperatures}


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--each", type=int, default=1500, help="training spectra of galaxies and of quasars")
    parser.add_argument("--test", type=int, default=300, help="simulated spectra of each to test on, and to calibrate")
    parser.add_argument("--epochs", type=int, default=25, help="of redshifts")
    parser.add_argument("--star-epochs", type=int, default=40, help="of temperatures, which have few stars")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, help="JSON file; parts of an earlier run that are in it stay")
    parser.add_argument("--plots", type=Path, help="folder for plots")
    parser.add_argument("--save", type=Path, help="folder that keeps simulated spectra")
    options = parser.parse_args()
    print(machine())
    results = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    for part in options.parts:
        results[part] = PARTS[part](options)
        if options.out:
            options.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
