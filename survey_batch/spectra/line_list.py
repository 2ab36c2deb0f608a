"""Lines, bands and flux ratios that distinguish spectral types, by their wavelengths in air.

Their use in Morgan and Keenan's scheme: He II marks O stars, and He I B stars. Balmer lines are strongest in A. Ca II K
and the G band grow from F to G, Mg b and Na D through K, and TiO is seen only in M. Ca II H is measured together with
H epsilon (3970.07), 1.8 pixels away, so that it is also strong in A stars; K is free of blends.
"""

from dataclasses import dataclass

import numpy as np

from survey_batch.core.arrays import F8

Window = tuple[float, float]
"""First and last wavelength [Angstrom]."""


def air_to_vacuum(wavelength: F8 | float) -> F8:
    """Convert wavelengths in standard air to vacuum [Angstrom].

    The index of refraction is that of Morton (2000, ApJS 130, 403, eq. 8), after Birch and Downs (1994). It is a
    function of the vacuum wavelength, hence the iteration. Valid above 2000 Angstrom.
    """
    air = np.asarray(wavelength, np.float64)
    vacuum = air
    for _ in range(3):
        s2 = (1e4 / vacuum) ** 2
        vacuum = air * (1 + 8.34254e-5 + 2.406147e-2 / (130 - s2) + 1.5998e-4 / (38.9 - s2))
    return np.asarray(vacuum)


@dataclass(frozen=True)
class Line:
    """A spectral line."""

    name: str
    air: float
    """Wavelength in air [Angstrom], by which the line is known."""
    source: str = "NIST Atomic Spectra Database, to 0.02 Angstrom"

    @property
    def wavelength(self) -> float:
        """Wavelength in vacuum [Angstrom]."""
        return float(air_to_vacuum(self.air))


@dataclass(frozen=True)
class Band:
    """A feature wider than a line, between two windows of continuum; edges in air [Angstrom]."""

    name: str
    feature: Window
    blue: Window
    red: Window
    source: str


@dataclass(frozen=True)
class Ratio:
    """The mean flux in one window over that in another; edges in air [Angstrom]."""

    name: str
    above: Window
    below: Window
    source: str
    per_frequency: bool = False
    """Whether flux per frequency is averaged, not flux per wavelength."""


# Wavelengths of lines agree with their source to a hundredth of a pixel.
CA_K = Line("ca_k", 3933.66)
HE_I = (Line("he_i_4026", 4026.19), Line("he_i_4471", 4471.48), Line("he_i_5876", 5875.62))
HE_II = (
    Line("he_ii_4200", 4199.83),
    Line("he_ii_4542", 4541.59),
    Line("he_ii_4686", 4685.70),
    Line("he_ii_5412", 5411.52),
)
LINES = (
    Line("h_alpha", 6562.81),
    Line("h_beta", 4861.34),
    Line("h_gamma", 4340.47),
    Line("h_delta", 4101.75),
    Line("mg_b", 5183.62),
    Line("na_d", 5889.95),
    Line("na_d1", 5895.92),
    CA_K,
    Line("ca_h", 3968.47),
    Line("ca_i_4227", 4226.73),
    Line("ca_ii_8498", 8498.02),
    Line("ca_ii_8542", 8542.09),
    Line("ca_ii_8662", 8662.14),
    *HE_I,
    *HE_II[:3],
)
"""Lines in the product `features`."""

# Windows in air, as the MaNGA data analysis pipeline tabulates them; two of them are wide enough for A stars.
TRAGER = "Trager et al. (1998, ApJS 116, 1)"
WORTHEY = "Worthey and Ottaviani (1997, ApJS 111, 377)"
SERVEN = "Serven et al. (2005, ApJ 627, 754)"
SPINIELLO = "Spiniello et al. (2014, MNRAS 438, 1483)"
BANDS = (
    Band("ca_hk", (3899.5, 4003.5), (3806.5, 3833.8), (4020.7, 4052.4), SERVEN),
    Band("lick_h_delta_a", (4083.5, 4122.25), (4041.6, 4079.75), (4128.5, 4161.0), WORTHEY),
    Band("lick_g4300", (4281.375, 4316.375), (4266.375, 4282.625), (4318.875, 4335.125), TRAGER),
    Band("lick_h_gamma_a", (4319.75, 4363.5), (4283.5, 4319.75), (4367.25, 4419.75), WORTHEY),
    Band("b_tio", (4758.5, 4800.0), (4742.75, 4756.5), (4827.875, 4847.875), SPINIELLO),
    Band("lick_h_beta", (4847.875, 4876.625), (4827.875, 4847.875), (4876.625, 4891.625), TRAGER),
    Band("lick_mg_b", (5160.125, 5192.625), (5142.625, 5161.375), (5191.375, 5206.375), TRAGER),
    Band("lick_na_d", (5876.875, 5909.375), (5860.625, 5875.625), (5922.125, 5948.125), TRAGER),
    Band("lick_tio_1", (5936.625, 5994.125), (5816.625, 5849.125), (6038.625, 6103.625), TRAGER),
    Band("lick_tio_2", (6189.625, 6272.125), (6066.625, 6141.625), (6372.625, 6415.125), TRAGER),
)

# The ratios of molecules are 1 without the molecule and less with it; dn4000 is the narrow 4000 Angstrom break.
REID = "Reid, Hawley and Gizis (1995, AJ 110, 1838)"
BALOGH = "Balogh et al. (1999, ApJ 527, 54)"
RATIOS = (
    Ratio("tio5", (7126, 7135), (7042, 7046), REID),
    Ratio("cah2", (6814, 6846), (7042, 7046), REID),
    Ratio("cah3", (6960, 6990), (7042, 7046), REID),
    Ratio("dn4000", (4000, 4100), (3850, 3950), BALOGH, per_frequency=True),
)
