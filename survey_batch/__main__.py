"""`python -m survey_batch`: the command line, where `survey-batch` is not on the path."""

from survey_batch.cli import main

if __name__ == "__main__":
    main()
