"""SDSS imaging: calibrated frames of DR8 and later."""
