"""The table `[train]` of kind `stamp-type`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt

from survey_batch.config.sections.training_base import NetworkTraining, network_keys

PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "pca-mlp": {"epochs": 100, "batch": 32, "learning_rate": 0.1, "patience": 20, "class_weights": "none"},
    "cnn-mlp": {"epochs": 2000, "batch": 512, "learning_rate": 1e-4, "patience": 0, "class_weights": "none"},
}
"""Default settings of the published networks (Centofanti et al. 2025, A&A 694, A228)."""

READ_BY: Mapping[str, tuple[str, ...]] = {
    **network_keys("pca-mlp", "cnn-mlp"),
    "class_weights": ("cnn-mlp",),
    "psf_model": ("likelihood", "svm-psf"),
    **dict.fromkeys(("seds", "fit_flux", "fit_centre"), ("likelihood",)),
    **dict.fromkeys(("components", "members"), ("pca-mlp",)),
}
"""Keys that only some variants read, and these variants."""


class StampTraining(NetworkTraining):
    """Spectral class of a star from one wide-band image."""

    of_variant = PUBLISHED
    read_by = READ_BY
    paths = ("classifier", "psf_model", "seds")

    kind: Literal["stamp-type"] = "stamp-type"
    variant: Literal["likelihood", "pca-mlp", "cnn-mlp", "svm-psf"] = "likelihood"
    """`likelihood`: a model of the optics is fitted; the others are published recipes."""
    psf_model: Annotated[str | tuple[str, ...] | None, Field(examples=["exposures/exposure-0001-psf-model.npz"])] = None
    """Variants `likelihood` and `svm-psf`: the `psf-model.npz` of each exposure with stars to classify. The files are
    stored in the classifier's folder; stars of other exposures are not classified."""
    seds: Annotated[str | None, Field(examples=["exposures/seds.npy"])] = None
    """Variant `likelihood`: photon spectra of the 13 classes, `.npy` (class, wavelength), with
    `vis_wavelengths_nm.npy` beside it."""
    fit_flux: bool = True
    """Variant `likelihood`: whether each star's flux is fitted; otherwise it is 1."""
    fit_centre: bool = True
    """Variant `likelihood`: whether each star's sub-pixel centre is fitted; otherwise the model's centre is used."""
    components: PositiveInt = 24
    """Variant `pca-mlp`: number of principal components of the stamps."""
    members: Annotated[int, Field(ge=2)] = 48
    """Variant `pca-mlp`: number of networks in the ensemble."""

    @property
    def psf_models(self) -> tuple[str, ...]:
        """Paths of the PSF models."""
        if self.psf_model is None:
            return ()
        return (self.psf_model,) if isinstance(self.psf_model, str) else self.psf_model
