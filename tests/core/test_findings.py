import pytest

from survey_batch.core.errors import ConfigurationError
from survey_batch.core.findings import Site, State

SITE = Site("somewhere")


def ending_with(error):
    yield SITE.ok("first", "fine")
    raise error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConfigurationError("the key is wrong"), "the key is wrong"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        (KeyError(), "KeyError:"),
    ],
)
def test_a_check_that_breaks_is_a_finding_after_those_that_it_made(error, said):
    first, last = SITE.look("second", "do this", ending_with(error))
    assert (first.state, last.state) == (State.OK, State.FAILED)
    assert (last.check, last.found, last.advice, last.where) == ("second", said, "do this", "somewhere")


def test_an_interruption_is_no_finding():
    with pytest.raises(KeyboardInterrupt):
        list(SITE.look("check", "", ending_with(KeyboardInterrupt())))


def test_what_a_check_returns_is_passed_on_and_is_nothing_where_it_broke():
    def good():
        yield SITE.ok("check", "")
        return 7

    def both():
        got = yield from SITE.look("check", "", good())
        lost = yield from SITE.look("check", "", ending_with(ValueError()))
        yield got, lost

    assert list(both())[-1] == (7, None)
