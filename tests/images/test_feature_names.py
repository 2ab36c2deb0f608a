"""What the features of images are called."""

from survey_batch.config.sections.images import ImageFeaturesSection
from survey_batch.images.feature_names import features_of


def test_names_are_unique_and_each_has_a_unit():
    described = {feature.name: feature.unit for feature in features_of(ImageFeaturesSection(), "ugriz")}
    assert len(described) == len(features_of(ImageFeaturesSection(), "ugriz"))
    assert all(feature.description for feature in features_of(ImageFeaturesSection(), "ugriz"))
    for name, unit in {
        "flux_7.5_r": "nanomaggy",
        "flux_7.5_r_error": "nanomaggy",
        "psf_flux_u_error": "nanomaggy",
        "colour_g_r": "mag",
        "half_light_radius_z": "pixel",
        "ellipticity_r": "1",
        "sharpness_r": "1",
        "neighbours": "1",
    }.items():
        assert described[name] == unit
    assert [name for name in described if name.startswith("colour") and "error" not in name] == [
        f"colour_{pair}" for pair in ("u_g", "g_r", "r_i", "i_z")
    ]
