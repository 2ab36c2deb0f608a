"""Lines, bands and ratios that are measured."""

import pytest

from survey_batch.spectra.line_list import air_to_vacuum


@pytest.mark.parametrize(
    ("air", "vacuum"), [(4861.325, 4862.683), (4958.911, 4960.295), (5006.843, 5008.240), (6562.80, 6564.61)]
)
def test_vacuum_wavelengths_are_those_of_the_sdss_line_list(air, vacuum):
    assert air_to_vacuum(air) == pytest.approx(vacuum, abs=0.01)
