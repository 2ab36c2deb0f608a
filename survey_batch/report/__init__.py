"""One HTML page about a job's results."""

__all__ = ["write_report"]


def write_report(output: str, path: str | None = None) -> str:
    """Write one self-contained HTML page about what an output holds, finished or not.

    Everything is read from the products and the small files beside them; only a bounded, reproducible part of the
    pixels is read. The page loads nothing from elsewhere.

    Parameters
    ----------
    output : str
        A job's output, a path or an fsspec URL.
    path : str, optional
        Where to write the page, a path or an fsspec URL; by default `<output>/report.html`.

    Returns
    -------
    str
        Where it was written.

    Raises
    ------
    ConfigurationError
        There is no output, no run has started there, or the page cannot be written.
    """
    from survey_batch.core.paths import join, write_where_asked  # the figures import matplotlib, which takes seconds
    from survey_batch.core.steps import step
    from survey_batch.report.build import build_page

    target = path or join(output, "report.html")
    step(f"drawing the report of {output}")
    write_where_asked(target, build_page(output).encode())
    return target
