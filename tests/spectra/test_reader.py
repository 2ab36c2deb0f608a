"""The seam of a survey's spectra."""

import pytest

from survey_batch.config.survey import find_survey, survey_names
from survey_batch.core.plugins import resolve
from survey_batch.spectra.grid import MASK_BITS
from survey_batch.spectra.reader import SpectrumReader


def readers():
    named = (find_survey(name).spectrum_reader for name in survey_names())
    return [SpectrumReader, *(resolve(reference) for reference in named if reference)]


@pytest.mark.parametrize("reader", readers())
def test_a_survey_s_own_mask_bits_are_single_bits_below_ours(reader):
    bits = list(reader.mask_bits.values())
    assert len(set(bits)) == len(bits)
    assert all(bit and bit & (bit - 1) == 0 and bit < min(MASK_BITS.values()) for bit in bits)
    assert {"long_name", "units"} <= reader.flux.keys()
