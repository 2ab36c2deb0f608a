"""One small job of each survey by the command line alone, training, predictions and exports; for any Python.

    python smoke.py archives FOLDER       # simulate what the jobs read
    python smoke.py jobs FOLDER ARCHIVES  # run them, each output in a folder of its own
    python smoke.py again FOLDER          # leave a shard of two unfinished, as another version may find it, and go on
    python smoke.py digest FOLDER         # the SHA-256 of every array of every product, as JSON

It imports nothing of the tests, so that it runs where the package alone is installed.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

COMMAND = Path(sys.executable).parent / "survey-batch"

JOBS = {
    "sdss": """
stages = ["frames", "cutouts", "composites", "features"]
[catalog]
path = "{archive}/sources.csv"
[archive]
survey = "sdss"
root = "{archive}"
[shards]
objects = 16
""",
    "lamost": """
stages = ["spectra", "features", "predictions"]
[catalog]
path = "{archive}/catalog.csv"
label = "spectral_type"
split = {{ train = 0.6, validation = 0.2, test = 0.2 }}
[archive]
survey = "lamost"
root = "{archive}"
[spectral_features]
components = 3
[train]
kind = "table"
classifier = "{output}-model"
epochs = 3
members = 1
[predictions]
classifier = "{output}-model"
[shards]
objects = 16
""",
    "stamps": """
stages = ["stamps"]
[catalog]
path = "{archive}/catalog.csv"
[archive]
survey = "stamps"
root = "{archive}"
[shards]
objects = 16
""",
    "skyserver": """
stages = ["composites"]
[catalog]
path = "{archive}/catalog.csv"
[archive]
survey = "skyserver"
root = "{archive}"
[composites]
size = 64
scale = 0.4
[shards]
objects = 4
""",
}

SIMULATED = {
    "sdss": ("--fields", "1", "--objects", "24"),
    "lamost": ("--objects", "64"),
    "stamps": ("--objects", "24"),
}


def archives(folder: Path) -> None:
    """Simulate an archive for each job."""
    for survey in JOBS:
        make_archive(survey, folder / survey)


def jobs(folder: Path, archives: Path) -> None:
    """Run, train, predict and export."""
    for survey, text in JOBS.items():
        archive, output = archives / survey, folder / survey
        file = folder / f"{survey}.toml"
        head = f'name = "{survey}"\noutput = "{output}"'
        file.write_text(head + text.format(archive=archive, output=output) + "[cluster]\nworkers = 1\n")
        call("run", file, *(["--train"] if "[train]" in text else []))
        call("export", file)


def make_archive(survey: str, archive: Path) -> None:
    """Simulate an archive; SkyServer's is a folder of images."""
    if survey in SIMULATED:
        call("simulate", survey, archive, *SIMULATED[survey])
        return
    import numpy as np
    from PIL import Image

    right_ascensions = [150.0 + number / 100 for number in range(6)]
    folder = archive / "0.4" / "64" / "150"
    folder.mkdir(parents=True)
    lines = [f"{number},{ra},2.0" for number, ra in enumerate(right_ascensions)]
    (archive / "catalog.csv").write_text("\n".join(["objid,ra,dec", *lines]) + "\n")
    for ra in right_ascensions:
        pixels = np.random.default_rng(int(ra * 100)).normal(60, 20, (64, 64, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{ra:.7f}_2.0000000.jpg")


def again(folder: Path) -> None:
    """Do the first shard of the last product of images and of spectra again."""
    import zarr

    for survey, product in (("sdss", "features"), ("lamost", "predictions")):
        status = zarr.open_group(folder / survey / f"{product}.zarr", mode="r+")["status"]
        status[:4] = 0
        call("run", folder / f"{survey}.toml")


def digest(folder: Path) -> None:
    """Print what every array holds."""
    import numpy as np
    import zarr

    found = {}
    for product in sorted(folder.glob("*/*.zarr")):
        for name, array in sorted(zarr.open_group(product, mode="r").arrays()):
            values = np.asarray(array[...])
            raw = "\0".join(values.ravel().tolist()).encode() if values.dtype.kind in "TO" else values.tobytes()
            found[f"{product.parent.name}/{product.stem}/{name}"] = hashlib.sha256(raw).hexdigest()
    sys.stdout.write(json.dumps(found))


def call(*arguments: object) -> None:
    """Run the command line; what it says goes on to the caller."""
    subprocess.run([COMMAND, *map(str, arguments)], check=True)


if __name__ == "__main__":
    {"archives": archives, "jobs": jobs, "again": again, "digest": digest}[sys.argv[1]](*map(Path, sys.argv[2:]))
