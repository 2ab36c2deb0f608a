"""A trained classifier's folder: reading it, checking it, loading it.

The folder holds `manifest.json` (kind, classes, recipe, versions, checksums, metrics), networks as `.keras`,
scikit-learn models as `.skops` and fixed arrays as `.npz`. Nothing is unpickled: Keras loads in safe mode, skops
refuses types that the family does not expect, and numpy loads with `allow_pickle=False`. Each file is compared with its
checksum, figures and plots too, and a folder with other files is refused. The manifest's own numbers are checked by
`Manifest`, and against the model when it is loaded.
"""

import hashlib
import importlib.metadata
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from survey_batch.config.classifiers import classifier_kind
from survey_batch.core import plugins
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.wording import size
from survey_batch.models.manifest import MANIFEST, PLOTS, Manifest, again

log = logging.getLogger(__name__)

LARGEST_MANIFEST = 16_000_000
"""Bytes; a manifest has some kilobytes, and more with many classes."""
LARGEST_ARRAYS = 4_000_000_000
"""Bytes of an `.npz` file's arrays; a file of some kilobytes can ask for more memory than there is."""

BESIDE = frozenset({MANIFEST, "metrics.json", "history.json"} | {f"{name}.png" for name in PLOTS})
"""Files that may lie in a folder without being listed: nothing is computed from them."""

PACKAGES = ("survey-batch", "keras", "numpy", "scikit-learn", "skops")
"""Packages that decide what a classifier computes."""


def content_stamp(folder: Path) -> list[tuple[str, int, int]]:
    """List file names, sizes and times, to detect changes; reading a large network takes as long as its answers."""
    files = (folder / name for name in (MANIFEST, *sorted(read_manifest(folder).files)))
    return [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]


def classifier_fingerprint(folder: str | Path) -> str:
    """Compute the SHA-256 of the manifest and every file it names: folders that share it give equal predictions."""
    path = Path(folder)
    manifest = read_manifest(path)
    digest = hashlib.sha256((path / MANIFEST).read_bytes())
    for name in sorted(manifest.files):
        digest.update(name.encode() + sha256(path / name).encode())
    return digest.hexdigest()


def read_manifest(folder: Path) -> Manifest:
    """Read and check a folder's manifest, and check that the files it names exist."""
    try:
        with (folder / MANIFEST).open("rb") as stream:
            text = stream.read(LARGEST_MANIFEST + 1)
    except OSError as error:
        raise ConfigurationError(
            f"no trained classifier in {folder} ({MANIFEST}: {error.strerror}); "
            "name a folder written by `survey-batch train` or `survey-batch adopt`"
        ) from error
    if len(text) > LARGEST_MANIFEST:
        raise ConfigurationError(
            f"{folder / MANIFEST} is not a classifier's manifest (it has more than {size(LARGEST_MANIFEST)}): name a "
            "folder written by `survey-batch train`"
        )
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise ConfigurationError(_no_manifest(folder / MANIFEST, error)) from error
    if missing := [name for name in manifest.files if not (folder / name).is_file()]:
        raise ConfigurationError(
            f"classifier {folder} lacks {missing}; copy the whole folder, or {again(manifest.kind)}"
        )
    return manifest


def _no_manifest(path: Path, error: ValidationError) -> str:
    """Say what is wrong with a manifest: truncated, from other software, or from another version."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    if where == "format":
        return (
            f"{path} has format {first['input']!r}, which this version of survey-batch cannot read: install the "
            "version that trained the classifier, or train again"
        )
    said = first["msg"].removeprefix("Value error, ")
    what = f"its key {where!r}: {said[:1].lower()}{said[1:]}" if where else "it is no JSON object"
    if not where and first["type"] == "value_error":
        what = said
    if first["type"] == "json_invalid":
        what = f"it is damaged JSON: {first['ctx']['error']}"
    return (
        f"{path} is not a classifier's manifest ({what}): name a folder written by `survey-batch train`, "
        "copy it whole, or train again"
    )


def check_folder(folder: str | Path) -> Manifest:
    """Check a folder's files and the installed packages against its manifest, and return it; load no model.

    Raises
    ------
    ConfigurationError
        As `load_classifier`.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if strange := sorted(path.name for path in folder.iterdir() if _is_strange(path.name, manifest)):
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        raise ConfigurationError(
            f"classifier {folder} holds files that its manifest does not list: {', '.join(strange[:3])}{more}; move "
            "away what you put there, or restore the folder"
        )
    for name, expected in manifest.files.items():
        if sha256(folder / name) != expected:
            raise ConfigurationError(
                f"{folder / name} is not the file that was saved (its SHA-256 differs from {MANIFEST}); "
                f"restore the folder, or {again(manifest.kind)}"
            )
    _check_known(folder, manifest)
    _check_versions(folder, manifest)
    return manifest


def _is_strange(name: str, manifest: Manifest) -> bool:
    """Tell whether a file should not be there; hidden files are the system's, and no family reads them."""
    return name not in manifest.files and name not in BESIDE and not name.startswith(".")


def _check_known(folder: Path, manifest: Manifest) -> None:
    """Refuse a kind or variant that no installed package offers; the manifest may name the package."""
    if manifest.kind in plugins.offered(plugins.CLASSIFIERS):
        variants = classifier_kind(manifest.kind).variants
        if manifest.variant in variants:
            return
        what = (
            f"classifier {folder} is of variant {manifest.variant!r} of kind {manifest.kind!r}, which is not known; "
            f"its variants are {', '.join(variants)}"
        )
    elif others := [f"{name} {version}" for name, version in manifest.versions.items() if name not in PACKAGES]:
        raise ConfigurationError(
            f"classifier {folder} is of kind {manifest.kind!r} from the package {', '.join(others)}, which is not "
            "installed here: install it, or train a classifier of another kind"
        )
    else:
        what = f"classifier {folder}: kind {plugins.unknown(plugins.CLASSIFIERS, manifest.kind)}"
    trained = manifest.versions.get("survey-batch", "a newer version")
    raise ConfigurationError(
        f"{what}; is it the right folder? If so, install what it was trained with (survey-batch {trained}, or a "
        "plug-in that is not installed here), or train again"
    )


def versions(kind: str) -> dict[str, str]:
    """List the versions of the packages that decide what a classifier computes, the kind's own package among them."""
    packages = dict.fromkeys((*PACKAGES, plugins.package(plugins.CLASSIFIERS, kind) or PACKAGES[0]))
    return {name: importlib.metadata.version(name) for name in packages}


def _check_versions(folder: Path, manifest: Manifest) -> None:
    """Refuse files from another major Keras or minor scikit-learn version: their meaning may have changed."""
    here = versions(manifest.kind)
    for package, suffix, parts in (("keras", ".keras", 1), ("scikit-learn", ".skops", 2)):
        if not any(name.endswith(suffix) for name in manifest.files):
            continue
        trained = manifest.versions.get(package, "unknown")
        if trained.split(".")[:parts] != here[package].split(".")[:parts]:
            wanted = ".".join(trained.split(".")[:parts])
            raise ConfigurationError(
                f"classifier {folder} was saved by {package} {trained}, but {here[package]} is installed; install "
                f"{package} {wanted}, or {again(manifest.kind)}"
            )
        if trained != here[package]:
            log.info("classifier %s was saved by %s %s, but %s is installed", folder, package, trained, here[package])


def sha256(path: Path) -> str:
    """Compute the hexadecimal SHA-256 of a file.

    Raises
    ------
    ConfigurationError
        The file cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}; restore the classifier's folder") from error


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read an `.npz` file.

    Raises
    ------
    ConfigurationError
        It is not an `.npz` file, or can only be read by unpickling.
    """
    try:
        with ZipFile(path) as parts:
            large = sum(part.file_size for part in parts.infolist()) > LARGEST_ARRAYS
        if large:
            raise ValueError(f"its arrays have more than {size(LARGEST_ARRAYS)}")
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, EOFError, ValueError, MemoryError, BadZipFile) as error:
        raise ConfigurationError(f"{path} cannot be loaded ({error}); train again") from error


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write an `.npz` file; arrays of Python objects are refused."""
    np.savez(path, allow_pickle=False, **dict(arrays))
