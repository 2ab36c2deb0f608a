"""ONNX files: copying one with the files beside it that hold its weights."""

from pathlib import Path

from survey_batch.core.errors import ConfigurationError

LARGEST_IN_ONE = 1_900_000_000
"""Bytes of weights that one ONNX file may hold: its format ends at 2 GiB."""

DATA_SUFFIX = "_data"
"""Ends the name of the file beside a larger model that holds its weights."""


def copy_model(source: Path, target: Path) -> list[str]:
    """Copy an ONNX file; weights that lie beside it go into the copy, or into one file beside it if they are large.

    PyTorch writes weights beside the model by default (`net.onnx.data`).

    Returns
    -------
    list of str
        Names of the files written.

    Raises
    ------
    ConfigurationError
        The weights cannot be found or read.
    """
    import onnx

    model, as_read = (onnx.load(source, load_external_data=False) for _ in range(2))
    try:
        onnx.load_external_data_for_model(model, str(source.parent))
    except Exception as error:  # a missing file and a path elsewhere have errors of the library's own
        raise ConfigurationError(
            f"the weights of {source} lie in other files, which cannot be read ({error}): put them beside it, or "
            "export it with external_data=False"
        ) from error
    if model == as_read:
        target.write_bytes(source.read_bytes())
        return [target.name]
    if sum(len(tensor.raw_data) for tensor in model.graph.initializer) <= LARGEST_IN_ONE:
        onnx.save_model(model, target)
        return [target.name]
    beside = target.with_name(target.name + DATA_SUFFIX)
    beside.unlink(missing_ok=True)  # it would be appended to
    onnx.save_model(model, target, save_as_external_data=True, location=beside.name)
    return [target.name, beside.name]
