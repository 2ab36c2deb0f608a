"""Colour images that SkyServer's ImgCutout service draws around a position.

The service silently forces its parameters into its limits and, like any server, may send something else. So each
answer is checked for kind, size and completeness. Outside the imaging area the service answers 404 and says so in the
reason; around its edge it sends an image that is black where there is no imaging. Some releases instead write the
reason on a black image with status 200, and report errors of their database in the same way.

Parameters and their limits: <https://skyserver.sdss.org/dr18/en/help/docs/api.aspx>; the answers: the service's code,
<https://github.com/sciserver/SkyServerWS>. The bands i, r and g are red, green and blue.
"""

import io
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image

from survey_batch.archive.content import IMAGE
from survey_batch.archive.download import Archive
from survey_batch.config.job import ArchiveSection
from survey_batch.core.errors import NotFoundError, OutsideError, UnreadableError

SIZES = (64, 2048)
"""Smallest and largest image that the service draws, in pixels on a side."""

SCALES = (0.015, 60.0)
"""Smallest and largest scale, in arcsec per pixel; an SDSS pixel has 0.396."""

OUTSIDE = "outside the SDSS footprint"
"""Text in the reason of the service's 404 answer."""

WHITE = 100
"""Brightness that letters of a message reach at some pixel, even if compressed and partly off the image."""

_DAMAGE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises for a file that is not an image."""


def open_skyserver(section: ArchiveSection) -> Archive:
    """Open the archive of images below `<root>`, the service's address or a folder of images that it drew.

    Raises
    ------
    ConfigurationError
        The root cannot be used.
    """
    return Archive(section, content=IMAGE, address=image_query)


def image_path(ra: float, dec: float, scale: float, size: int) -> str:
    """Name an image's file in a folder and in the cache: `<scale>/<size>/<whole degrees of ra>/<ra>_<dec>.jpg`.

    Parameters
    ----------
    ra, dec : float
        Centre [deg, ICRS]; seven decimals are kept, 0.4 mas.
    scale : float
        Arcsec per pixel; ten digits are kept.
    size : int
        Pixels on a side.

    Returns
    -------
    str
        For example `0.396/64/184/184.9511000_-0.8754000.jpg`.
    """
    right, declination = (f"{round(float(angle), 7) + 0.0:.7f}" for angle in (ra, dec))  # + 0.0: no "-0.0000000"
    return f"{scale:.10g}/{size}/{right.partition('.')[0]}/{right}_{declination}.jpg"


def image_query(path: str) -> str:
    """Return the service's query for the image that `image_path` named."""
    scale, size, _, name = path.split("/")
    ra, dec = name.removesuffix(".jpg").split("_")
    return f"getjpeg?ra={ra}&dec={dec}&scale={scale}&width={size}&height={size}"


def fetch_image(archive: Archive, path: str, size: int) -> npt.NDArray[np.uint8]:
    """Fetch and read one image.

    Parameters
    ----------
    archive : Archive
        From `open_skyserver`.
    path : str
        From `image_path`.
    size : int
        Pixels on a side.

    Returns
    -------
    (size, size, 3) uint8
        Row 0 is north, column 0 is east; red, green and blue.

    Raises
    ------
    OutsideError
        SDSS has no image of the position.
    NotFoundError, UnreadableError, TransientError, ConfigurationError
        As `Archive.read`.
    """
    try:
        return archive.read(path, partial(read_image, size=size))
    except OutsideError as error:
        raise OutsideError(f"{archive.locate(path)}: {error}") from error
    except NotFoundError as error:
        if OUTSIDE not in str(error):
            raise
        raise OutsideError(f"{archive.locate(path)}: the position is {OUTSIDE}, says the service") from error


def read_image(raw: bytes, size: int) -> npt.NDArray[np.uint8]:
    """Read an image file that the service drew.

    Parameters
    ----------
    raw : bytes
        The whole file, JPEG or PNG, whatever its name.
    size : int
        Pixels on a side that were asked for.

    Returns
    -------
    (size, size, 3) uint8
        Red, green and blue.

    Raises
    ------
    UnreadableError
        Not an image, of another size, cut short, or a message instead of an image.
    OutsideError
        The middle half in width and height is black: SDSS did not image the object's position.
    """
    try:
        with Image.open(io.BytesIO(raw), formats=("JPEG", "PNG")) as image:
            if image.size != (size, size):
                raise UnreadableError("the image has {} x {} pixels, not {} x {}".format(*image.size, size, size))
            pixels = np.asarray(image.convert("RGB"))
    except _DAMAGE as error:
        raise UnreadableError(f"damaged image ({len(raw)} bytes): {error}") from error
    _check_sky(pixels)
    return pixels


def _check_sky(pixels: npt.NDArray[np.uint8]) -> None:
    """Refuse what the service sends instead of an image of the sky.

    Its messages are white on black, and nothing that SDSS sees is both bright and entirely without colour.
    """
    dark: npt.NDArray[np.bool_] = np.equal(pixels.max(axis=-1), 0)
    middle = slice(len(pixels) // 4, len(pixels) - len(pixels) // 4)
    if dark.mean() > 0.5 and pixels.max() > WHITE and (pixels == pixels[..., :1]).all():
        raise UnreadableError(
            f"the service wrote a message on black instead of drawing the sky: the position is {OUTSIDE}, or the "
            "service had an error; open the address in a browser to read it"
        )
    if dark[middle, middle].all():
        raise OutsideError(f"the middle of the image is black: the position is {OUTSIDE}")
