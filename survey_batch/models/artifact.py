"""A trained classifier's folder: reading it, checking it, loading it.

The folder holds `manifest.json` (kind, classes, recipe, versions, checksums, metrics), networks as `.keras`,
scikit-learn models as `.skops` and fixed arrays as `.npz`. Nothing is unpickled: Keras loads in safe mode, skops
refuses types that the family does not expect, and numpy loads with `allow_pickle=False`.
"""

import hashlib
import importlib.metadata
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from survey_batch.config.classifiers import classifier_kind
from survey_batch.core import plugins
from survey_batch.core.errors import ConfigurationError
from survey_batch.models.manifest import MANIFEST, Manifest

log = logging.getLogger(__name__)

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
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"no trained classifier in {folder} ({MANIFEST}: {error.strerror}); "
            "name a folder written by `survey-batch train`"
        ) from error
    except ValidationError as error:
        raise ConfigurationError(_no_manifest(folder / MANIFEST, error)) from error
    if missing := [name for name in manifest.files if not (folder / name).is_file()]:
        raise ConfigurationError(f"classifier {folder} lacks {missing}; copy the whole folder, or train again")
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
    what = f"its key {where!r}: {first['msg'][:1].lower()}{first['msg'][1:]}" if where else "it is no JSON object"
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
    for name, expected in manifest.files.items():
        if sha256(folder / name) != expected:
            raise ConfigurationError(
                f"{folder / name} is not the file that was saved (its SHA-256 differs from {MANIFEST}); "
                "restore the folder, or train again"
            )
    _check_known(folder, manifest)
    _check_versions(folder, manifest)
    return manifest


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
                f"{package} {wanted}, or train again"
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
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise ConfigurationError(f"{path} cannot be loaded ({error}); train again") from error


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write an `.npz` file; arrays of Python objects are refused."""
    np.savez(path, allow_pickle=False, **dict(arrays))
