"""`survey-batch adopt`: put one's own model into a folder from which it predicts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from survey_batch.cli.frame import command
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer

if TYPE_CHECKING:
    from rich.table import Table

ModelFile = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="An .onnx file (PyTorch exports one), a .keras file or a .skops file.", show_default=False
    ),
]
Product = Annotated[
    str,
    typer.Option(metavar="NAME", help="The job's product that it works on: spectra, features, cutouts, composites, …"),
]
Outputs = Annotated[
    str,
    typer.Option(
        metavar="WHAT",
        help="What it answers with: classes:A,F,G in the order of its outputs, values:z,teff[K], or embedding.",
    ),
]
To = Annotated[
    str | None,
    typer.Option(metavar="FOLDER", help="The folder to write. By default predictions.classifier of the job."),
]
Variables = Annotated[
    str,
    typer.Option(metavar="NAMES", help="Variables of the product that it takes. By default flux, image or value."),
]
Preprocess = Annotated[
    list[str] | None,
    typer.Option(
        metavar="STEP",
        help="A step that turns the variables into its input, such as normalise:median or channels:first. Repeated, "
        "the steps are done in order.",
    ),
]
Errors = Annotated[bool, typer.Option("--errors", help="Its values are followed by an error of each.")]
Logits = Annotated[
    bool, typer.Option("--logits", help="Its classes are logits, as of most PyTorch networks: softmax comes after.")
]
Take = Annotated[
    str,
    typer.Option(metavar="NAMES", help="Its outputs to use, if it has several. By default those that fit."),
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace a model that the folder holds.")]


def adopt(
    job: JobFile,
    model: ModelFile,
    product: Product,
    outputs: Outputs,
    to: To = None,
    variables: Variables = "",
    preprocess: Preprocess = None,
    errors: Errors = False,
    logits: Logits = False,
    take: Take = "",
    replace: Replace = False,
    overrides: Overrides = None,
) -> None:
    """Put a model of your own into a folder, from which it predicts like one trained here.

    Compares what it takes with the product that the job has made, and shows its answers for ten objects. Runs no code
    of the model's author.

    Example: survey-batch adopt jobs/lamost-types.toml net.onnx --product spectra --outputs classes:A,F,G --logits
    --preprocess mask --preprocess normalise:median --preprocess nan:zero --preprocess channels:first --to models/net
    """
    wanted = open_job(job, overrides)
    from survey_batch.training.adoption import adopt as adopt_model

    adopted = adopt_model(
        model,
        wanted,
        product,
        outputs,
        to,
        variables=variables,
        preprocess=preprocess or (),
        errors=errors,
        logits=logits,
        take=take,
        replace=replace,
    )
    answer.tell(vars(adopted))
    answer.show(_table(adopted.rows))
    answer.show(f"{adopted.folder}: {adopted.variant} model of {adopted.product}, answers with {adopted.outputs}")
    predicts = "predictions" in wanted.stages and wanted.predictions and wanted.predictions.classifier == adopted.folder
    changes = [] if predicts else [f"predictions.classifier={adopted.folder}"]
    if "predictions" not in wanted.stages:
        changes.append(f"stages={json.dumps([*wanted.stages, 'predictions'])}")
    answer.hint(command("run", job, [*(overrides or []), *changes]))


def _table(rows: Sequence[dict[str, str]]) -> "Table":
    """Show the objects that were tried."""
    from rich.table import Table

    table = Table("object", "label", "answer", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["object_id"], row["label"], row["answer"])
    return table
