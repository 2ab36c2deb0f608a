"""The tables of the job file for products of spectra."""

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, model_validator

from survey_batch.config.sections.base import Section, Unit, WrongKeyError


class SpectraSection(Section):
    """The `spectra` product: a log10 wavelength grid, in vacuum."""

    wavelength_min: Annotated[PositiveFloat, Unit("Angstrom")] = 3699.9
    """Lower end of the grid. The default is just below the first pixel (10^3.5682) of most LAMOST files."""
    wavelength_max: Annotated[PositiveFloat, Unit("Angstrom")] = 9100.0
    """Upper end of the grid."""
    step: Annotated[float, Field(ge=1e-6, le=1e-2), Unit("dex")] = 1e-4
    """log10 of the ratio of neighbouring wavelengths. Spectra with this step are copied pixel for pixel, as those of
    LAMOST (low resolution) and SDSS are by default; others are rebinned."""
    dispersion: bool = False
    """Also how wide the instrument makes a line, pixel by pixel [km/s]; of surveys whose files say it (`sdss-spectra`).
    """

    keep: bool = True
    """False: handed on to the next stages and not stored."""

    @model_validator(mode="after")
    def _ordered(self) -> "SpectraSection":
        if self.wavelength_max <= self.wavelength_min:
            raise WrongKeyError("wavelength_max must be greater than wavelength_min", "wavelength_max")
        return self


class SpectralFeaturesSection(Section):
    """The `features` product of spectra."""

    lines: bool = True
    """Equivalent widths of lines."""
    indices: bool = True
    """Equivalent widths of bands, and flux ratios: the 4000 Angstrom break, TiO, CaH."""
    colours: bool = True
    """Synthetic colours g - r and r - i."""
    normalization: Literal["l2", "flux", "minmax", "robust", "continuum"] = "continuum"
    """How a spectrum is scaled before blocks and components: by its length as a vector, its mean flux, its range, its
    median and scatter, or its continuum."""
    smoothing_window: Annotated[int, Field(ge=1), Unit("pixel")] = 1
    """Savitzky-Golay window in pixels; odd, because an even one shifts a spectrum by half a pixel; 1 is none."""
    smoothing_order: Annotated[int, Field(ge=0)] = 3
    """Order of the polynomials of the Savitzky-Golay filter; less than the window."""
    blocks: Annotated[int, Field(ge=0)] = 50
    """Wavelength blocks with mean, scatter, minimum and maximum; 0 is none."""
    components: Annotated[int, Field(ge=0)] = 20
    """Principal components, fitted only on the training split; 0 is none."""
    sample: Annotated[int, Field(ge=0)] = 5_000
    """Spectra that the components are fitted to, of a catalogue with more: always the same ones, whatever the order of
    the rows. 0 is all."""
    basis: Annotated[str | None, Field(examples=["runs/lamost-types"])] = None
    """Output of a job whose product `features` has the components to use instead. A classifier that works on component
    scores needs the components it was trained on."""

    keep: bool = True
    """False: handed on to the next stages and not stored."""

    @model_validator(mode="after")
    def _odd_window(self) -> "SpectralFeaturesSection":
        if self.smoothing_window % 2 == 0:
            reason = "smoothing_window must be odd: an even window shifts spectra by half a pixel"
            raise WrongKeyError(reason, "smoothing_window")
        if self.smoothing_window > 1 and self.smoothing_order >= self.smoothing_window:
            raise WrongKeyError("smoothing_order must be less than smoothing_window", "smoothing_order")
        return self

    @model_validator(mode="after")
    def _something_to_measure(self) -> "SpectralFeaturesSection":
        if not (self.lines or self.indices or self.colours or self.blocks or self.components):
            reason = "lines, indices, colours, blocks and components are all off: there is nothing to measure"
            raise WrongKeyError(reason, "lines")
        return self
