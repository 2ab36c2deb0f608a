"""The way into the command line: `survey-batch`, or `python -m survey_batch` where that is not on the path."""

from survey_batch.core import interrupt


def main() -> None:
    """Import the command line and run it; Ctrl-C during the import ends the process without a word."""
    interrupt.end_at_once()
    from survey_batch import cli

    cli.main()


if __name__ == "__main__":
    main()
