"""Every feature with its unit, definition, wavelengths and source, from the lists of features."""

from collections.abc import Iterator

from docs.from_code.markdown import Entry, entry
from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.config.sections.spectra import SpectralFeaturesSection
from survey_batch.core.feature import Feature
from survey_batch.images.feature_names import features_of as features_of_images
from survey_batch.spectra.blocks import STATISTICS
from survey_batch.spectra.features import MEASUREMENTS, features_of
from survey_batch.spectra.line_list import BANDS, LINES, RATIOS, air_to_vacuum
from survey_batch.spectra.photometry import COLOR_NAMES, COLORS, PASSBANDS

ERROR = "_error"
IN_BANDS = "ugriz"
SWITCHES = {"lines": "Lines", "indices": "Bands and ratios", "colours": "Colours by synthetic photometry"}


def of_spectra() -> Iterator[tuple[str, list[Entry]]]:
    """Yield the features of spectra by the key that switches them on."""
    for switch, title in SWITCHES.items():
        features = [feature for one in MEASUREMENTS[switch] for feature in one.features]
        yield title, [_entry(one, _wavelengths(one.name)) for one in features]
    section = SpectralFeaturesSection(lines=False, indices=False, colours=False)
    first = {one.name: one for one in features_of(section)}
    blocks = [_numbered(first[f"block_000_{name}"], "000", "NNN", "block 0", "block NNN") for name in STATISTICS]
    yield "Statistics of blocks", blocks
    components = [_numbered(first["component_000"], "000", "NNN", "component 0", "component NNN")]
    yield "Principal components", components


def of_images() -> Iterator[tuple[str, list[Entry]]]:
    """Yield the features of images; `BAND` stands for each band of the cutouts."""
    section, band = ImageFeaturesSection(), IN_BANDS[0]
    one_band = [one for one in features_of_images(section, band) if not one.name.endswith(ERROR)]
    of_band = [one for one in one_band if one.name.endswith(f"_{band}") or f"_{band}_" in one.name]
    named = [_numbered(one, f"_{band}", "_BAND", f", {band}", ", in BAND") for one in of_band if ERROR not in one.name]
    yield "In each band", named
    colours = [one for one in features_of_images(section, IN_BANDS) if one.name.startswith("colour_")]
    yield "Colours", [_entry(one, ()) for one in colours if not one.name.endswith(ERROR)]
    yield "Neighbours", [_entry(one, ()) for one in one_band if one not in of_band]


def page(kind: str) -> str:
    """Write the reference of the features of `spectra` or `images`."""
    parts = []
    for title, entries in of_spectra() if kind == "spectra" else of_images():
        parts += [f"## {title}\n", *(entry(one, "feature") for one in entries)]
    return "\n".join(parts)


def _entry(feature: Feature, wavelengths: tuple[str, ...]) -> Entry:
    """Describe a feature: a sentence, its source, and a list of wavelengths."""
    first, rest = feature.description[:2], feature.description[2:]
    meaning = (first[0].upper() + first[1:] if first.isalpha() else first) + rest + "."
    meaning += f" Source: {feature.source}." * bool(feature.source)
    return Entry(feature.name, (f"unit: {feature.unit}",), "\n- ".join([f"{meaning}\n", *wavelengths]).strip())


def _numbered(feature: Feature, old: str, new: str, old_words: str, new_words: str) -> Entry:
    """Describe features that differ by a number or a band in one entry."""
    meaning = feature.description.replace(old_words, new_words)
    return _entry(feature._replace(name=feature.name.replace(old, new), description=meaning), ())


def _wavelengths(name: str) -> tuple[str, ...]:
    for line in (one for one in LINES if one.name == name):
        return (f"{line.air:.2f} Å in air, {line.wavelength:.2f} Å in vacuum",)
    for band in (one for one in BANDS if one.name == name):
        return (_window("band", band.feature), _window("continuum", band.blue), _window("continuum", band.red))
    for ratio in (one for one in RATIOS if one.name == name):
        return (_window("flux", ratio.above), _window("over", ratio.below))
    blue, red = dict(zip(COLOR_NAMES, COLORS, strict=True))[name]
    return tuple(f"{one}: {PASSBANDS[one][0]:g} to {PASSBANDS[one][1]:g} Å in vacuum" for one in (blue, red))


def _window(word: str, window: tuple[float, float]) -> str:
    low, high = (float(air_to_vacuum(edge)) for edge in window)
    return f"{word}: {window[0]:.10g} to {window[1]:.10g} Å in air, {low:.1f} to {high:.1f} Å in vacuum"
