"""The process of which workers are copies (`copies`): what all need to begin is imported here.

No machine learning: its libraries start threads, which no copy of a process has.
"""

import os

import distributed  # noqa: F401
import numpy as np

import survey_batch.engine
import survey_batch.stages.cutouts
import survey_batch.stages.spectra  # noqa: F401

# Python's own random numbers differ in each copy; numpy's, which a user's function may draw from, would be the same.
os.register_at_fork(after_in_child=np.random.seed)
