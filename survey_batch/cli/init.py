"""`survey-batch init`: a job file to start from."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from survey_batch.cli.options import console
from survey_batch.core.errors import ConfigurationError

TEMPLATES = {
    "sdss": """name   = "{name}"
output = "runs/{name}"
stages = ["frames", "cutouts"]

[catalog]
path = "catalog.csv"                        # CSV, Parquet, FITS, VOTable, ECSV, HATS, …; any fsspec URL
# id = "specobjid"                          # columns are guessed for known releases; name them where they are not

[archive]
survey = "sdss"
root = "https://data.sdss.org/sas/dr17"     # or a folder, or s3://...
connections = 8                             # of the whole run

[frames]
bands = "ugriz"
keep = true                                 # false: cutouts straight from the archive, frames are not stored

[cutouts]
size = 64

[shards]
objects = 1024
""",
    "lamost": """name   = "{name}"
output = "runs/{name}"
stages = ["spectra", "features"]            # add "predictions" and its table once a classifier is trained

[catalog]
path = "catalog.csv"
label = "spectral_type"                     # a column, or "spectral_type": A F G K M or non-stellar
split = {{ train = 0.7, test = 0.3 }}         # by star, so that none is in both

[archive]
survey = "lamost"
root = "spectra"                            # a folder, https://... or s3://...
layout = "flat"                             # flat | plan | obsid
connections = 4

[train]
kind = "spectral-type"                      # or galaxy-quasar-star, table; docs/classifiers names all
classifier = "models/{name}"

# [predictions]                             # survey-batch run --train trains first where it is not there yet
# classifier = "models/{name}"
""",
    "skyserver": """name   = "{name}"
output = "runs/{name}"
stages = ["composites"]                     # add "predictions" and its table once a classifier is trained

[catalog]
path = "catalog.csv"                        # ra and dec [deg] are enough
# id = "specobjid"

[archive]
survey = "skyserver"
root = "https://skyserver.sdss.org/dr18/SkyServerWS/ImgCutout"
connections = 2                             # of the whole run; each image is drawn when it is asked for
# pause = 0.5                               # seconds for which a connection rests after each image
# cache = "runs/cache"                      # so that no image is asked for twice

[composites]
size = 64                                   # pixels on a side, 64 to 1024
scale = 0.396                               # arcsec per pixel; a pixel of SDSS

[shards]
objects = 256

# [train]
# kind = "stellar-image"
# product = "composites"
# classifier = "models/{name}"

# [predictions]
# classifier = "models/{name}"
""",
}


def init(
    job: Annotated[Path, typer.Argument(metavar="JOB.toml", help="The file to write.", show_default=False)],
    survey: Annotated[
        Literal["sdss", "lamost", "skyserver"], typer.Option(help="Which survey's archive, or service.")
    ] = "sdss",
) -> None:
    """Write a commented job file to start from; an existing file is left alone.

    Example: survey-batch init my-job.toml --survey lamost
    """
    if job.exists():
        raise ConfigurationError(f"{job} exists already; choose another name or remove it")
    job.parent.mkdir(parents=True, exist_ok=True)
    job.write_text(TEMPLATES[survey].format(name=job.stem), encoding="utf-8")
    console.print(f"wrote {job}; next: edit it, then survey-batch plan {job}", soft_wrap=True)
