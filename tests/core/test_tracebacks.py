"""Errors from very deep calls reach the client."""

import traceback

import pytest

from survey_batch.core.tracebacks import INNER, OUTER, short_tracebacks


def deep(calls, error):
    if calls:
        deep(calls - 1, error)
    raise error


@short_tracebacks()
def task(calls):
    try:
        deep(calls, ValueError("too deep"))
    except ValueError as error:
        raise LookupError("nothing there") from error


@pytest.mark.parametrize("calls", [0, 600])
def test_a_long_traceback_keeps_its_ends_and_so_do_those_of_its_causes(calls):
    with pytest.raises(LookupError) as found:
        task(calls)
    cause = traceback.extract_tb(found.value.__cause__.__traceback__)
    assert len(cause) == min(calls + 2, OUTER + INNER)
    assert (cause[0].name, cause[-1].line) == ("task", "raise error")


@pytest.mark.timeout(120)
def test_an_error_from_very_deep_reaches_the_client_as_it_is(client):
    error = client.submit(task, 600, pure=False).exception(timeout=60)
    assert type(error) is LookupError
