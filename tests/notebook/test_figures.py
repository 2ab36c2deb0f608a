"""Pictures show what the data hold: the right objects, under their names."""

from itertools import pairwise

import numpy as np
import pytest
import xarray as xr

import survey_batch as sb
from survey_batch.core.errors import ConfigurationError


@pytest.fixture(scope="module")
def spectra(spectra_output):
    return sb.open_product(spectra_output, "spectra")


@pytest.fixture(scope="module")
def predictions():
    probability = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.3, 0.7], [np.nan, np.nan]], np.float32)
    texts = {
        "object_id": list("abcde"),
        "label": ["A", "B", "B", "B", "A"],
        "predicted_class": ["A", "B", "A", "B", ""],
        "split": ["test", "test", "test", "train", "test"],
    }
    return xr.Dataset(
        {"probability": (("object", "class"), probability), "status": ("object", np.array([1, 1, 1, 1, 4], np.uint8))},
        {"class": ["A", "B"], **{name: ("object", np.array(values, object)) for name, values in texts.items()}},
    )


def titles(picture):
    return [axes.get_title(loc="left") for axes in picture.axes if axes.axison]


def test_the_title_of_a_spectrum_stands_clear_of_the_names_of_lines(spectra):
    picture = spectra.sb.show(0)
    picture.draw_without_rendering()
    (axes,) = picture.axes
    highest = max(name.get_window_extent().y1 for name in axes.texts)
    assert axes._left_title.get_window_extent().y0 >= highest
    assert axes.get_ylabel() == spectra.flux.attrs["long_name"]


def test_one_object_is_drawn_under_its_id_and_label(spectra):
    picture = spectra.sb.show(4)
    assert titles(picture) == [f"{spectra.object_id.values[4]}  {spectra.label.values[4]}"]
    drawn = picture.axes[0].lines[0].get_ydata()
    good = (spectra["mask"].values[4] == 0) & (spectra.ivar.values[4] > 0)
    assert np.array_equal(drawn[good], spectra.flux.values[4][good])


def test_a_notebook_gets_a_png(spectra):
    assert spectra.sb.show(0)._repr_png_().startswith(b"\x89PNG")


def test_a_gallery_shows_the_objects_asked_for(spectra):
    ids = spectra.object_id.values[[2, 7]].tolist()
    assert [title.split()[0] for title in titles(spectra.sb.gallery([ids[0], 7]))] == ids
    assert len(titles(spectra.sb.gallery(count=5))) == 5


@pytest.mark.parametrize("product", ["cutouts", "composites"])
def test_images_are_drawn(image_output, product):
    ds = sb.open_product(image_output, product)
    picture = ds.sb.gallery(count=3)
    assert all(axes.images for axes in picture.axes)
    assert len(titles(picture)) == 3


def test_titles_of_images_beside_each_other_do_not_overlap(image_output):
    ds = sb.open_product(image_output, "composites").isel(object=slice(6))
    ds = ds.assign_coords(object_id=("object", [f"6612233809111285{number:02}" for number in range(6)]))
    ds = ds.assign_coords(label=("object", ["GALAXY"] * 6)).assign(status=ds.status.copy(data=[2] * 6))
    picture = ds.sb.gallery(count=6)
    picture.draw_without_rendering()
    boxes = [axes._left_title.get_window_extent() for axes in picture.axes]
    assert titles(picture)[0] == "661223380911128500\nGALAXY  partial"
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_a_sky_map_is_as_high_as_its_objects_lie(predictions):
    def height(share):
        place = np.arange(5) * 0.1
        return (
            predictions.assign_coords(ra=("object", place), dec=("object", place * share)).sb.sky_map().get_figheight()
        )

    assert height(0.3) < height(0.8) < height(1) == height(2)


def test_a_confusion_matrix_counts_objects_that_have_a_label_and_a_prediction(predictions):
    def counted(split):
        return [text.get_text() for text in predictions.sb.confusion(split).axes[0].texts]

    assert [text for text in counted(None) if text.isdigit()] == ["1", "1", "2"]
    assert [text for text in counted("test") if text.isdigit()] == ["1", "1", "1"]
    with pytest.raises(ConfigurationError, match="no object has both .* in split 'validation'"):
        counted("validation")


def test_a_sky_map_names_the_groups(spectra):
    legend = spectra.sb.sky_map("label").legends[0]
    assert {text.get_text() for text in legend.get_texts()} == set(spectra.label.values) - {""}
    assert spectra.sb.sky_map("status").legends[0].get_texts()[0].get_text() == "ok"
    with pytest.raises(ConfigurationError, match="no 'flux' of objects"):
        spectra.sb.sky_map("flux")


@pytest.mark.parametrize(
    ("step", "name", "unit"),
    [(0.01, "rectilinear", "east [arcmin]"), (2.0, "rectilinear", "east [degrees]"), (40.0, "aitoff", "")],
)
def test_the_projection_of_a_sky_map_is_chosen_by_its_extent(predictions, step, name, unit):
    place = np.arange(5) * step
    axes = predictions.assign_coords(ra=("object", place), dec=("object", place / 8)).sb.sky_map("label").axes[0]
    assert (axes.name, axes.get_xlabel()) == (name, unit)


def test_what_cannot_be_drawn_is_refused(spectra_output, spectra):
    with pytest.raises(ConfigurationError, match="features of test.* nothing to draw object by object"):
        sb.open_product(spectra_output, "features").sb.show(0)
    with pytest.raises(ConfigurationError, match="give predictions"):
        spectra.sb.confusion()
    with pytest.raises(ConfigurationError, match="no object of this dataset holds data"):
        spectra.isel(object=slice(0, 0)).sb.gallery()
