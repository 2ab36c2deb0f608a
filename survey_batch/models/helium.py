"""The helium rule for O and B stars, for all variants of kind `spectral-type`.

Ionised helium in absorption defines an O star; without it, a star with neutral helium is a B star (Morgan, Keenan and
Kellman 1943, An Atlas of Stellar Spectra; Jaschek and Jaschek 1987, The Classification of Stars, ch. 8). A survey such
as LAMOST has almost no such stars to learn this from, so a rule decides. If a spectrum shows no He II, its probability
of O is added to that of B. If it shows no helium at all, its probability of B is added to that of A. The rule never
makes a star hotter.

An ion counts as seen if at least two of its lines are absorbed. One line alone may be a bad pixel or noise, and He II
4686 alone persists into the first subclasses of B. Noise shows two of four lines at 3 standard deviations in 1 of
90,000 spectra, and two of three at 2 standard deviations in 1 of 650.
"""

from collections.abc import Mapping

import numpy as np

from survey_batch.config.sections.train_spectral_type import SpectralTypeTraining
from survey_batch.core.arrays import F4, F8, Flags, Variables
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.base import Classifier
from survey_batch.models.engines.graph import Graph
from survey_batch.models.preprocessing import step
from survey_batch.models.recipe import Recipe
from survey_batch.models.spectrum_bins import few_rows
from survey_batch.spectra.line_list import CA_K, HE_I, HE_II
from survey_batch.spectra.lines import line_indices, needed_pixels
from survey_batch.spectra.windows import CleanSpectra

HELIUM: Mapping[str, float] = {"he_i_sigma": 2.0, "he_ii_sigma": 3.0, "width_floor": 0.1}
"""Standard deviations at which a line counts, and an error [Angstrom] added in quadrature to that of each equivalent
width. It is about the scatter due to the continuum's shape in A stars of high signal to noise (0.04 to 0.15), which
have no such lines. A variant obeys the rule if its recipe has these steps."""

MEASURED = (*HE_I, *HE_II, CA_K)
ION_LINES = (slice(0, len(HE_I)), slice(len(HE_I), len(HE_I) + len(HE_II)))
"""Columns of `MEASURED` of He I and He II."""
LEAST_WIDTH, LARGEST_WIDTH, LARGEST_ERROR = -5.0, 10.0, 10.0
"""Bounds of equivalent widths and their errors [Angstrom] as inputs; an unmeasured line is 0 +- 10."""
SEEN = "helium"


class HeliumRule(Classifier[SpectralTypeTraining]):
    """A base class that applies the rule if the recipe's steps include `HELIUM`; see the module."""

    def evidence(self, block: Variables) -> Variables:
        """Tell whether each spectrum shows He I and He II, (object, 2)."""
        steps = self.recipe.steps
        if not HELIUM.keys() <= steps.keys():
            return {}
        values, errors = equivalent_widths(block, self.recipe)
        sigmas = (step(steps, "he_i_sigma"), step(steps, "he_ii_sigma"))
        ions = zip(ION_LINES, sigmas, strict=True)
        return {SEEN: np.stack([absorbed(values[:, at], errors[:, at], sigma) for at, sigma in ions], axis=1)}

    def settle(self, probability: F4, prepared: Variables) -> F4:
        """Apply the rule to the probabilities."""
        return cooled(probability, self.classes, prepared[SEEN]) if SEEN in prepared else probability

    @property
    def onnx_evidence(self) -> dict[str, tuple[int | None, ...]]:
        """Shape of what `evidence` finds."""
        return {SEEN: (None, len(ION_LINES))} if HELIUM.keys() <= self.recipe.steps.keys() else {}

    def onnx_settle(self, graph: Graph, answer: str, evidence: Mapping[str, str]) -> str:
        """Add the rule to an ONNX graph: where helium lacks, a product moves one class's probability to another."""
        if SEEN not in evidence:
            return answer
        ion = graph.add("Slice", evidence[SEEN], graph.integers(1), graph.integers(2), graph.integers(1))
        any_ion = graph.add("ReduceMax", evidence[SEEN], graph.integers(1), keepdims=1)
        for hot, cool, seen in (("O", "B", ion), ("B", "A", any_ion)):
            if hot in self.classes and cool in self.classes:
                moves = np.eye(len(self.classes))
                moves[self.classes.index(hot)] = moves[self.classes.index(cool)]
                lacking = graph.add("Less", seen, graph.constant(0.5))
                answer = graph.add("Where", lacking, graph.add("MatMul", answer, graph.constant(moves)), answer)
        return answer


def equivalent_widths(block: Variables, recipe: Recipe) -> tuple[F8, F8]:
    """Measure the equivalent widths of `MEASURED`, and their errors with the floor [Angstrom], (object, line) each.

    Stars shift by less than a line's window, so no velocity is needed. NaN where a line cannot be measured.
    """
    if recipe.grid is None:
        raise ConfigurationError("the classifier's recipe has no wavelength grid to find helium on; train again")
    wavelength = recipe.grid.wavelength
    needed = needed_pixels(wavelength, MEASURED)
    if needed.stop - needed.start < 2:  # so few pixels have no step
        needed = slice(wavelength.size)
    wavelength = wavelength[needed]
    flux, ivar, mask = (block[name][:, needed] for name in ("flux", "ivar", "mask"))
    parts = [
        line_indices(CleanSpectra.of(wavelength, flux[at], ivar[at], mask[at]), MEASURED) for at in few_rows(len(flux))
    ]
    values, errors = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return values, np.hypot(errors, step(recipe.steps, "width_floor"))


def absorbed(values: F8, errors: F8, sigma: float) -> Flags:
    """Mark spectra with at least two lines, (object, line), absorbed by `sigma` standard deviations."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sum(values >= sigma * errors, axis=1) >= 2)


def cooled(probability: F4, classes: tuple[str, ...], seen: Flags) -> F4:
    """Move the probability of O to B if there is no He II, and that of B to A if there is no helium.

    Parameters
    ----------
    probability : (object, class)
        Rows of NaN stay as they are.
    classes
        Nothing is moved from or to a letter that is not among them.
    seen : (object, 2)
        Whether He I and He II are seen.
    """
    settled = probability.copy()
    for hot, cool, lacking in (("O", "B", ~seen[:, 1]), ("B", "A", ~seen.any(axis=1))):
        if hot in classes and cool in classes:
            here, there = classes.index(hot), classes.index(cool)
            settled[lacking, there] += settled[lacking, here]
            settled[lacking, here] *= 0  # NaN stays NaN
    return settled


def strengths(values: F8, errors: F8) -> F4:
    """Turn equivalent widths into inputs, (object, 21).

    These are the width and error of each line, the mean width of each ion and its significance, and the significance of
    Ca II K, which separates cooler stars with weak lines from hot ones.
    """
    known = np.isfinite(values) & np.isfinite(errors)
    width = np.where(known, np.clip(values, LEAST_WIDTH, LARGEST_WIDTH), 0)
    error = np.where(known, np.minimum(errors, LARGEST_ERROR), LARGEST_ERROR)
    columns = [width, error]
    for at in ION_LINES:
        weight = error[:, at] ** -2
        total = weight.sum(axis=1, keepdims=True)
        mean = np.sum(weight * width[:, at], axis=1, keepdims=True) / total
        columns += [mean, mean * np.sqrt(total)]
    columns.append(width[:, -1:] / error[:, -1:])
    return np.concatenate(columns, axis=1, dtype=np.float32)
