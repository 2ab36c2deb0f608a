import os
import signal
import socket
import threading

import pytest

from survey_batch.core import interrupt
from tests.patience import PATIENCE

SIGNALS = interrupt.SIGNALS


@pytest.fixture(autouse=True)
def _listening():
    interrupt.listen()


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interruption_that_a_destructor_swallows_is_raised_at_the_next_look(number):
    interrupt.check()
    with pytest.raises(KeyboardInterrupt):
        send(number)
    with pytest.raises(KeyboardInterrupt):  # whatever became of the first one
        interrupt.check()


def test_an_interruption_inside_a_destructor_prints_no_traceback_and_any_other_error_there_does(capsys):
    class Handle:
        def __init__(self, release):
            self.__class__.__del__ = lambda _: release()

    def fail():
        raise ValueError("a destructor's own fault")

    Handle(lambda: send(signal.SIGINT))
    assert capsys.readouterr().err == ""
    with pytest.raises(KeyboardInterrupt):
        interrupt.check()
    Handle(fail)
    assert "a destructor's own fault" in capsys.readouterr().err


def test_a_command_that_starts_knows_of_no_interruption_of_another_one_in_the_same_process():
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)
    interrupt.listen()
    interrupt.check()
    with pytest.raises(KeyboardInterrupt):  # at once, and not taken for the same one
        send(signal.SIGINT)


def test_a_signal_that_comes_twice_at_once_interrupts_once_and_a_later_one_again(monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGTERM)
    send(signal.SIGTERM)
    monkeypatch.setattr(interrupt, "SAME_SECONDS", 0)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGTERM)


@pytest.mark.parametrize("number", SIGNALS)
def test_what_is_held_is_done_whole_and_the_interruption_comes_afterwards(number):
    done = []

    def work():
        with interrupt.held():
            send(number)
            send(number)
            done.append("all")
        done.append("more")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["all"]
    assert signal.getsignal(number) is interrupt._interrupt


def test_another_thread_holds_nothing_back():
    held, go_on = threading.Event(), threading.Event()

    def work():
        with interrupt.held():
            held.set()
            go_on.wait(PATIENCE)

    thread = threading.Thread(target=work)
    thread.start()
    assert held.wait(PATIENCE)
    with pytest.raises(KeyboardInterrupt):
        send(signal.SIGINT)
    go_on.set()
    thread.join()


def test_a_thread_from_before_that_is_handed_ctrl_c_does_not_interrupt_what_starts_processes():
    """The system may hand a signal to any thread that does not block it; Python then interrupts the main thread."""
    go_on, done = threading.Event(), []
    thread = threading.Thread(target=go_on.wait, args=(PATIENCE,))
    thread.start()
    arrived, writes = socket.socketpair()
    writes.setblocking(False)

    def work():
        with interrupt.kept_from_children():
            signal.pthread_kill(thread.ident, signal.SIGINT)
            arrived.recv(1)  # Python writes a byte when the signal comes
            done.append("all")

    before = signal.set_wakeup_fd(writes.fileno())
    try:
        with pytest.raises(KeyboardInterrupt):
            work()
    finally:
        signal.set_wakeup_fd(before)
        go_on.set()
        thread.join()
        arrived.close()
        writes.close()
    assert done == ["all"]
