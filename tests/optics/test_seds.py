"""Spectra of stars from O to M."""

import numpy as np
import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.optics.seds import blackbody_seds, read_seds
from tests.stamp_files import made_up_seds, write_seds


def test_spectra_that_do_not_fit_are_refused(tmp_path):
    path = write_seds(tmp_path)
    np.save(path, made_up_seds()[:5])
    with pytest.raises(ConfigurationError, match="5"):
        read_seds(path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_seds(tmp_path / "absent.npy")


def test_real_spectra_have_the_published_mean_wavelengths(real_data):
    seds, wavelengths = read_seds(real_data / "templates" / "pickles" / "vis_seds_13.npy")
    mean = seds @ wavelengths / seds.sum(axis=1)
    np.testing.assert_allclose(mean[[0, 1, 2, 11, 12]], [671.8, 673.4, 681.0, 735.7, 787.1], atol=0.1)


def test_black_bodies_are_redder_from_class_to_class():
    seds, wavelengths = blackbody_seds()
    np.testing.assert_allclose(seds.sum(axis=1), 1)
    mean = (seds * wavelengths).sum(axis=1)
    assert np.all(np.diff(mean) > 0)
