"""`survey-batch similar`: the objects most like some others."""

from typing import Annotated, Any, Literal

import typer
from rich.table import Table
from rich.text import Text

from survey_batch.cli.facts import SimilarFacts
from survey_batch.cli.options import JobFile, Overrides, open_job
from survey_batch.cli.output import answer


def similar(
    job: JobFile,
    ids: Annotated[
        list[str],
        typer.Argument(metavar="ID…", help="Ids of one object or several, as in the column sb_object_id of an export."),
    ],
    overrides: Overrides = None,
    top: Annotated[int, typer.Option(min=1, help="Neighbours of each object.")] = 20,
    metric: Annotated[
        Literal["euclidean", "cosine"],
        typer.Option(help="Distance between two vectors; cosine is 1 less the cosine of the angle."),
    ] = "euclidean",
) -> None:
    """List the objects most like some others, by their distance in the embedding that the job's predictions hold.

    Every object is compared. Ids are those of the catalogue.

    Example: survey-batch similar jobs/lamost-embedding.toml spec-55859-F5902_sp01-034 --top 5
    """
    wanted = open_job(job, overrides)
    from survey_batch.results.similar import find_similar

    rows = find_similar(wanted, ids, top, metric).to_pylist()
    answer.tell(SimilarFacts(metric=metric, neighbours=rows))
    for name in dict.fromkeys(row["object"] for row in rows):
        answer.show(_table(name, [row for row in rows if row["object"] == name]))


def _table(name: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(title=f"most like {name}", title_justify="left", box=None)
    for column in ("rank", "object_id", "distance", "label", "ra", "dec", "status"):
        table.add_column(column, justify="left" if column in ("object_id", "label", "status") else "right")
    for row in rows:
        position = ("" if row[axis] is None else f"{row[axis]:.5f}" for axis in ("ra", "dec"))
        said = (str(row["rank"]), row["object_id"], f"{row['distance']:.4g}", row["label"] or "", *position)
        table.add_row(*map(Text, said), row["status"])
    return table
