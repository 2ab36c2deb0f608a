"""Folders of trained classifiers without anything in them that could be run."""

from survey_batch.models.artifact import sha256, versions
from survey_batch.models.manifest import MANIFEST, Manifest
from survey_batch.models.recipe import Recipe


def write_folder(folder, kind="spectral-type", variant="lines", **keys):
    """Write a manifest and a file that is called a network."""
    folder.mkdir()
    (folder / "network.keras").write_bytes(bytes(range(256)))
    recipe = Recipe(product="spectra", variables=("flux",), shape=(8,))
    files = {"network.keras": sha256(folder / "network.keras")}
    manifest = {"kind": kind, "variant": variant, "classes": ("A", "F"), "recipe": recipe, "files": files}
    (folder / MANIFEST).write_text(Manifest(**{**manifest, "versions": versions(kind), **keys}).model_dump_json())
