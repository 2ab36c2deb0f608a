"""An output opened in a notebook: its status, products, problems, catalogue and report by name."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from survey_batch.config.job import Job
from survey_batch.config.jobfile import OUTPUT, output_of
from survey_batch.core.arguments import takes
from survey_batch.core.display import html_table
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.paths import absolute
from survey_batch.core.redaction import redacted
from survey_batch.lazy.products import open_product, products_in

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from survey_batch.integrity.verify import Verification
    from survey_batch.notebook.figures import Picture
    from survey_batch.notebook.picture_folder import Form
    from survey_batch.notebook.rows import Object
    from survey_batch.report.summary import RunStatus


class Run:
    """What a run has made, finished or not; opened by `survey_batch.open`.

    Each product is an attribute: `run.cutouts`, `run.spectra`, `run.predictions` and so on, a dataset as
    `survey_batch.open_product` gives it. Nothing in the output is changed, except that `report` writes a page into it.

    Attributes
    ----------
    output : str
        Folder or URL.
    products : tuple of str
        Names of the products that are there.
    """

    def __init__(self, output: str) -> None:
        self.output = output
        self.products = tuple(products_in(output))

    @cached_property
    def job(self) -> Job:
        """The job of the last run, or of an earlier one if that made more of the products."""
        from survey_batch.report.reading import jobs_of_products
        from survey_batch.report.runs import read_run_file

        def products_made(job: Mapping[str, Any]) -> int:
            return len({*job.get("stages", ())} & {*self.products})

        last: Mapping[str, Any] = read_run_file(self.output).get("job", {})
        stored = max([last, *jobs_of_products(self.output)], key=products_made)
        if not stored:
            raise ConfigurationError(
                f"neither run.json nor a product in {self.output} says by which job it was made: name the job's file, "
                "as in survey-batch verify job.toml"
            )
        # Without the cluster: its kind may be a plug-in's that is not installed here.
        return Job.model_validate({name: value for name, value in stored.items() if name != "cluster"})

    def status(self) -> "RunStatus":
        """Say how far the run is: counts by status, stages, rates and problems by reason."""
        from survey_batch.report.summary import summarize

        return summarize(self.output)

    def verify(self, *, deep: bool = False, repair: bool = False) -> "Verification":
        """Check that what is stored is complete and still what was written.

        Parameters
        ----------
        deep : bool
            Also read all values, which compares them with their checksums.
        repair : bool
            Restore metadata, plan and notes, and mark damaged shards, and what was made from them, as pending, so that
            the next run makes them again.

        Returns
        -------
        Verification
            `ok`, and the `faults` with what is wrong where.
        """
        from survey_batch.integrity.verify import verify

        return verify(self.job, deep=deep, repair=repair)

    @property
    def problems(self) -> "pd.DataFrame":
        """Each row that is not `ok`: its object, stage, status, message and row; the file adds source and time."""
        from survey_batch.report.reading import problems_so_far

        return problems_so_far(self.output, ended=self.status().ended)[0].to_pandas()

    def catalog(self, with_: Sequence[str] | None = None) -> "pd.DataFrame":
        """Join the catalogue with everything that is known of each object.

        Parameters
        ----------
        with_ : sequence of str, optional
            What to add beside status and predictions, in the words of `survey-batch export --with`: "label", "split",
            "reason", "features=psf_*" and so on. By default label, split, reason and all features.

        Returns
        -------
        pandas.DataFrame
            One row for each row of the catalogue that the job takes; names of added columns begin with `sb_`.

        Raises
        ------
        ConfigurationError
            The job's catalogue cannot be read any more, or changed since the run.
        """
        from survey_batch.results.export import export_table

        return export_table(self.job, self._everything if with_ is None else with_).to_pandas()

    def export(self, path: str, with_: Sequence[str] | None = None) -> str:
        """Write the table of `catalog` to a file, in the format of its ending, and return where it is.

        The file holds units, descriptions, absent values and the run's provenance, as `survey-batch export` writes it.
        """
        from survey_batch.results.export import export_catalog

        return export_catalog(self.job, path, with_=self._everything if with_ is None else with_)[0]

    def export_pictures(self, to: str | None = None, form: "Form" = "png") -> str:
        """Write a picture of each object as `<to>/<split>/<label>/<object_id>.png`, and return the folder.

        By default the folder is `<output>/pictures`. Its `pictures.csv` lists all objects. `form` is "png", "jpeg" or
        "fits", as in `survey-batch export --pictures`. What has no picture, or lies elsewhere, is printed.
        """
        from survey_batch.notebook.picture_folder import write_pictures

        return write_pictures(self.output, form, to, say=print)[0]

    def similar(
        self, ids: str | Sequence[str], top: int = 20, metric: Literal["euclidean", "cosine"] = "euclidean"
    ) -> "pd.DataFrame":
        """Find the objects most like some others, as `survey_batch.similar` does."""
        from survey_batch.results.similar import similar

        return similar(self.job, ids, top, metric)

    @property
    def _everything(self) -> tuple[str, ...]:
        return ("label", "split", "reason", *(("features",) if "features" in self.products else ()))

    def report(self, to: str | None = None) -> str:
        """Write the HTML page about the run, and return where it is."""
        from survey_batch.report import write_report

        return write_report(self.output, to)

    def show(self, which: "Object | Sequence[Object]") -> "Picture":
        """Draw one object, or several, in each product that can be drawn: cutout, composite, spectrum, probabilities.

        It is one picture, as that of `ds.sb.show`, with the products one below the other.

        Raises
        ------
        ConfigurationError
            There is no such object, or no product that can be drawn.
        """
        from survey_batch.notebook.figures import show_each

        if picture := show_each((self[name] for name in self.products), which):
            return picture
        raise ConfigurationError(
            f"{self.output} has {', '.join(self.products)}, of which no picture of an object can be drawn: make "
            "cutouts, composites, stamps, spectra or predictions"
        )

    def __getitem__(self, product: str) -> "xr.Dataset":
        if product not in self._opened:
            self._opened[product] = open_product(self.output, product)
        return self._opened[product]

    @cached_property
    def _opened(self) -> dict[str, "xr.Dataset"]:
        return {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in self.products:
            there = ", ".join(self.products)
            raise AttributeError(f"{self.output} has no product {name!r}; there are {there}")
        return self[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.products]

    def __repr__(self) -> str:
        return f"<survey_batch run {redacted(self.output)}>\n{self.status()}\nproducts: {', '.join(self.products)}"

    def _repr_html_(self) -> str:
        status = self.status()
        stages = {stage.name: f"{stage.rows:,} {stage.axis}s: {stage.said}" for stage in status.stages}
        products = ", ".join(f"run.{name}" for name in self.products)
        rows = {"output": self.output, "state": status.state, **stages, "products": products}
        return html_table(str(status.job["name"]), rows)


@takes(output=OUTPUT)
def open(output: Job | str | PathLike[str]) -> Run:  # noqa: A001
    """Open what a run has made, finished or not.

    Parameters
    ----------
    output : str, path or Job
        A job's output (folder or URL), its file (`.toml`), or the job.

    Returns
    -------
    Run
        With the products as attributes.

    Raises
    ------
    ConfigurationError
        There is no product.

    Examples
    --------
    >>> run = sb.open("runs/lamost-types")  # doctest: +SKIP
    >>> run.predictions.sb.confusion()  # doctest: +SKIP
    """
    folder = output_of(output)
    run = Run(absolute(folder))
    if not run.products:
        above, _, name = folder.rstrip("/").rpartition("/")
        if name.endswith(".zarr"):
            raise ConfigurationError(
                f"{folder} is one product, not the output of a run: open the folder that holds it, {above or '.'}, or "
                f"this product alone with open_product({above or '.'!r}, {name.removesuffix('.zarr')!r})"
            )
        raise ConfigurationError(f"there is no product in {folder}: run the job first, or name its output")
    return run
