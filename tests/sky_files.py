"""Images as SkyServer sends them, made up: sky, what it sends outside the imaging, and messages."""

import io

import numpy as np
from PIL import Image, ImageDraw

from survey_batch.config.job import Job
from survey_batch.surveys.skyserver.service import OUTSIDE
from tests.servers import Fault


def sky(seed, size=64):
    """Coloured sky noise with a star in the middle."""
    noise = np.random.default_rng(seed).normal(12, 6, (size, size, 3))
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    star = 200 * np.exp(-(x**2 + y**2) / 8)[..., None] * (1.0, 0.8, 0.6)
    return np.clip(noise + star, 0, 255).astype(np.uint8)


def encode(pixels, kind="JPEG", **options):
    """Save an image in quality 75, as the service does, or as PNG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def decode(raw):
    """What Pillow makes of a file."""
    return np.asarray(Image.open(io.BytesIO(raw)).convert("RGB"))


def message(text="Requested (ra, dec) is outside the SDSS footprint.", size=64):
    """White words on black, where the service writes them: they may begin left of the image."""
    image = Image.new("RGB", (size, size))
    ImageDraw.Draw(image).text((size // 2 - 200, size // 2 - 40), text + "\n" + text, fill="white")
    return np.asarray(image)


OFF_THE_FOOTPRINT = Fault(
    status=404,
    reason=f"NOT FOUND. Requested (ra, dec) is {OUTSIDE}.",
    body=encode(message()),
    headers={"Content-Type": "image/jpeg"},
)


def skyserver_job(catalog, root, output, **tables):
    """A small job on SkyServer's images."""
    archive = {"survey": "skyserver", "root": str(root), **tables.pop("archive", {})}
    return Job.model_validate(
        {
            "name": "test",
            "output": str(output),
            "stages": ["composites"],
            "catalog": {"path": str(catalog)},
            "archive": archive,
            "shards": {"objects": 4},
            **tables,
        }
    )
