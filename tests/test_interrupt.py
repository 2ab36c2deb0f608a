import os
import signal

import pytest

from survey_batch import interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_that_a_destructor_swallows_is_raised_at_the_next_look(monkeypatch, number):
    monkeypatch.setattr(interrupt, "_asked", [])
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        interrupt.listen()
        interrupt.check()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):  # whatever became of the first one
            interrupt.check()
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
