"""Attributes of the products: every variable says what it is, in units and flags that readers understand."""

import json

import numpy as np
import pytest
from astropy import units
from astropy.time import Time
from astropy.wcs import WCS

from survey_batch.images.features import features_of as image_features_of
from survey_batch.config.job import Job
from survey_batch.stages import make_stage

ARCHIVE = {
    "sdss": ["frames", "cutouts", "composites", "features"],
    "lamost": ["spectra", "features"],
    "skyserver": ["composites"],
    "stamps": ["stamps"],
}
TEXTS_AND_NAMES = ("U", "O", "T")
