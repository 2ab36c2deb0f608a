"""Gain and dark variance of each CCD of the SDSS imaging camera.

From the tables "Gain of each CCD" and "Dark variance of each CCD" of the SDSS data model, `frame`
(BOSS_PHOTOOBJ/frames/RERUN/RUN/CAMCOL/frame.html). Chips with two amplifiers have an intermediate value there.
"""

from survey_batch.images.ivar import Ccd

GAIN = {
    "u": (1.62, 1.595, 1.59, 1.6, 1.47, 2.17),
    "g": (3.32, 3.855, 3.845, 3.995, 4.05, 4.035),
    "r": (4.71, 4.6, 4.72, 4.76, 4.725, 4.895),
    "i": (5.165, 6.565, 4.86, 4.885, 4.64, 4.76),
    "z": (4.745, 5.155, 4.885, 4.775, 3.48, 4.69),
}
"""Electrons per count, for camera columns 1 to 6."""

DARK_VARIANCE = {
    "u": (9.61, 12.6025, 8.7025, 12.6025, 9.3025, 7.0225),
    "g": (15.6025, 1.44, 1.3225, 1.96, 1.1025, 1.8225),
    "r": (1.8225, 1.00, 1.3225, 1.3225, 0.81, 0.9025),
    "i": (7.84, 5.76, 4.6225, 6.25, 7.84, 5.0625),
    "z": (0.81, 1.0, 1.0, 9.61, 1.8225, 1.21),
}
"""Squared counts, read noise included, for camera columns 1 to 6."""

GAIN_AFTER_1100 = {("u", 2): 1.825}
"""Gains that changed in runs after 1100."""

DARK_VARIANCE_AFTER_1500 = {("i", 2): 6.25, ("i", 4): 7.5625, ("z", 4): 12.6025, ("z", 5): 2.1025}
"""Dark variances that changed in runs after 1500."""


def ccd(run: int, camcol: int, band: str) -> Ccd:
    """Look up the noise properties of a CCD in a run.

    Parameters
    ----------
    run
    camcol
        1 to 6.
    band
        One of u, g, r, i, z.
    """
    gain, dark_variance = GAIN[band][camcol - 1], DARK_VARIANCE[band][camcol - 1]
    if run > 1100:
        gain = GAIN_AFTER_1100.get((band, camcol), gain)
    if run > 1500:
        dark_variance = DARK_VARIANCE_AFTER_1500.get((band, camcol), dark_variance)
    return Ccd(gain, dark_variance)
