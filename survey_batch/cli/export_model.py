"""`survey-batch export-model`: a trained network or forest as an ONNX file."""

from typing import Annotated

import typer

from survey_batch.cli.facts import ExportModelFacts
from survey_batch.cli.output import answer


def export_model(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Folder of a trained classifier.")],
    to: Annotated[str, typer.Option(metavar="FILE", help="The file to write, a path or URL that ends in .onnx.")],
) -> None:
    """Write a trained network or forest as an ONNX file, which other programs can run.

    It takes prepared inputs and gives calibrated probabilities. Its metadata say what the inputs are.

    Example: survey-batch export-model models/lamost-types --to types.onnx
    """
    from survey_batch.models.engines.onnx_model import export_model as write_model

    path = write_model(folder, to)
    answer.tell(ExportModelFacts(file=path))
    answer.show(path)
