"""One object as an image, drawn as in galleries and the report, pixel by pixel."""

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from survey_batch.core.errors import ConfigurationError
from survey_batch.images.picture import RGB_BANDS, Pixels, panels_of
from survey_batch.notebook.rows import Object, kind_of, row_of

if TYPE_CHECKING:
    import xarray as xr

NEEDED = {
    "composites": ("image",),
    "cutouts": ("flux", "x_object", "y_object"),
    "stamps": ("flux",),
}
"""Variables that are drawn, by the kind of dataset; in the order in which a folder of pictures prefers them."""


def to_image(ds: "xr.Dataset", which: Object, band: str | None = None) -> Image.Image:
    """Draw one object, a pixel of the picture for each of the object's; y runs upwards.

    Parameters
    ----------
    ds : xarray.Dataset
        Composites, cutouts or stamps.
    which : int or str
        The object: its index, or its id.
    band : str, optional
        A band of cutouts, to be drawn in grey, dark on white. By default the bands i, r and g are red, green and blue,
        and a single band is grey.

    Returns
    -------
    PIL.Image.Image
        RGB, or grey ("L"). A notebook shows it by itself, and `save` writes it as PNG, JPEG and others.

    Raises
    ------
    ConfigurationError
        The dataset holds no images, or no such object or band, or its bands make no colour picture.
    """
    kind = kind_of(ds)
    if kind not in NEEDED:
        raise ConfigurationError(f"to_image: this dataset holds {kind}: give composites, cutouts or stamps")
    one = ds[list(NEEDED[kind])].isel(object=row_of(ds, which)).load()
    if kind == "composites":
        image = one["image"]
        if image.sizes["channel"] != len(RGB_BANDS):
            raise ConfigurationError(
                f"to_image: a picture takes 3 channels, and this dataset has {image.sizes['channel']}"
            )
        return Image.fromarray(
            np.ascontiguousarray(image.values if "orientation" in image.attrs else image.values[::-1])
        )
    if kind == "stamps":
        return _image(panels_of(one["flux"].values.astype(np.float32)[None], [""], np.zeros((1, 2)))[0][1], grey=True)
    bands = [str(name) for name in one["band"].values]
    name = _shown(bands, band)
    position = np.stack([one["y_object"].values, one["x_object"].values], axis=1)
    return _image(dict(panels_of(one["flux"].values.astype(np.float32), bands, position))[name], grey=name in bands)


def _shown(bands: list[str], band: str | None) -> str:
    """Choose the panel that is the picture: the band asked for, else colour, else the only band."""
    if band is not None and band not in bands:
        raise ConfigurationError(f"there is no band {band!r}; the bands are {', '.join(bands)}")
    if band is not None or len(bands) == 1:
        return band or bands[0]
    if not set(RGB_BANDS) <= set(bands):
        raise ConfigurationError(
            f"cutouts in {', '.join(bands)} make no colour picture, which takes {', '.join(RGB_BANDS)}: make "
            "composites of three of the bands (stage composites), or draw one band with to_image(i, band)"
        )
    return RGB_BANDS


def _image(panel: Pixels, *, grey: bool) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(panel[..., 0] if grey else panel))
