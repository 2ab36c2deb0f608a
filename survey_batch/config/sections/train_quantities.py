"""The table `[train]` of kind `quantities`."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from survey_batch.config.sections.base import WrongKeyError
from survey_batch.config.sections.train_table import FeaturePattern
from survey_batch.config.sections.training_base import CountsWith, NetworkTraining

Range = tuple[PositiveFloat, PositiveFloat]
Column = Annotated[str, Field(min_length=1, max_length=100)]
Scale = Literal["linear", "log", "redshift"]

READ_BY: Mapping[str, tuple[str, ...]] = {"snr": ("convolution",), "features": ("networks",)}
"""Keys that only some variants read, and these variants."""

COUNTS_WITH: CountsWith = dict.fromkeys(
    ("prior", "class_weights"), (lambda _: False, "a kind that answers with classes")
)


class QuantitiesTraining(NetworkTraining):
    """Numbers of the catalogue, such as redshifts or temperatures, with their errors."""

    read_by = READ_BY
    counts_with = COUNTS_WITH

    kind: Literal["quantities"] = "quantities"
    variant: Literal["convolution", "networks"] = "convolution"
    """`convolution`: from `spectra`; `networks`: from `features`."""
    columns: Annotated[tuple[Column, ...], Field(min_length=1, examples=[["z"]])]
    """Columns of the catalogue to learn. Rows of split `train` with a number in all of them are trained on."""
    scale: Annotated[Mapping[str, Scale], Field(examples=[{"z": "redshift"}])] = {}
    """How a column is learnt: `linear`, the default; `log`, for positive numbers; or `redshift`, as log(1 + z).
    Figures are then of value - catalogue, of this over the catalogue's value, or of this over 1 + z."""
    units: Annotated[Mapping[str, str], Field(examples=[{"teff": "K"}])] = {}
    """Units of columns; by default the catalogue's, if it states any."""
    members: PositiveInt = 5
    """Networks whose estimates are averaged; where they disagree, errors are larger."""
    epochs: PositiveInt = 60
    learning_rate: PositiveFloat = 2e-3
    snr: Range = (3.0, 100.0)
    """Variant `convolution`: in each epoch a signal-to-noise ratio per pixel is drawn from this range for each training
    spectrum; if the spectrum's own ratio is higher, noise is added to reach it."""
    features: Annotated[tuple[FeaturePattern, ...], Field(min_length=1)] = ("*",)
    """Variant `networks`: names of the features to use; `*`, `?` and `[…]` work as in file names."""

    @model_validator(mode="after")
    def _of_these_columns(self) -> "QuantitiesTraining":
        for key, given in (("scale", self.scale), ("units", self.units)):
            if unknown := [name for name in given if name not in self.columns]:
                raise WrongKeyError(f"{unknown[0]!r} is not among train.columns: {', '.join(self.columns)}", key)
        if len(set(self.columns)) < len(self.columns):
            raise WrongKeyError("a column is named twice", "columns")
        if self.snr[1] < self.snr[0]:
            raise WrongKeyError("snr must be a range: the lower signal to noise first", "snr")
        return self
