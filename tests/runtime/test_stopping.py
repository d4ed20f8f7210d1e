"""Signals and time that end work which can be continued, and the lock on such work."""

import errno
import fcntl
import math
import os
import signal
import threading

import pytest
from spoil import refusal

from atbench.runtime import lock
from atbench.runtime.lock import Lock, held
from atbench.runtime.stopping import SIGNALS, TIME_IS_UP, Stopped, Stopping


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_and_the_former_handler_comes_back(number):
    before = {n: signal.getsignal(n) for n in SIGNALS}
    with Stopping(math.inf) as stopping:
        assert stopping.asked() is None
        os.kill(os.getpid(), number)
        assert stopping.asked() == number
    assert {n: signal.getsignal(n) for n in SIGNALS} == before


def test_time_that_is_up_asks_too_and_a_signal_comes_first():
    with Stopping(0) as stopping:
        assert stopping.asked() == TIME_IS_UP
        os.kill(os.getpid(), signal.SIGTERM)
        assert stopping.asked() == signal.SIGTERM


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Stopping(math.inf):
            assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_outside_the_main_thread_no_handler_is_touched():
    seen, before = [], signal.getsignal(signal.SIGTERM)

    def work():
        with Stopping(math.inf) as stopping:
            seen.append((signal.getsignal(signal.SIGTERM), stopping.asked()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(before, None)]


def test_one_process_that_is_told_to_stop_stops_all(monkeypatch):
    monkeypatch.setattr("atbench.runtime.processes.gather", lambda own: [*own, signal.SIGTERM, None])
    with Stopping(math.inf) as stopping:
        assert stopping.asked() == signal.SIGTERM


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [(signal.SIGTERM, 143, "stopped by SIGTERM"), (signal.SIGINT, 130, "stopped by SIGINT"), (0, 2, "time is up")],
)
def test_the_exit_code_is_that_of_the_signal(number, code, words):
    stopped = Stopped("a run: {why} at batch 3", number)
    assert stopped.exit_code == code and str(stopped) == f"a run: {words} at batch 3; the same command continues"


def test_a_lock_is_taken_once_and_leaves_nothing(tmp_path):
    one, two = Lock(tmp_path / "run/x.lock"), Lock(tmp_path / "run/x.lock")
    assert one.take() and not two.take()
    assert str(os.getpid()) in two.holder()
    one.release()
    assert not one.path.exists()
    assert two.take()
    two.release()


def test_a_lock_on_a_file_that_its_holder_removes_meanwhile_is_not_believed(tmp_path, monkeypatch):
    one, two, flock = Lock(tmp_path / "x.lock"), Lock(tmp_path / "x.lock"), fcntl.flock
    assert one.take()

    def released_first(handle, how):
        one.release()
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", released_first)
    assert not two.take()
    monkeypatch.undo()
    assert two.take() and two.path.exists()
    two.release()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_said_and_work_goes_on(tmp_path, monkeypatch, capsys, number):
    def flock(handle, how):
        raise OSError(number, "no locks")

    monkeypatch.setattr(fcntl, "flock", flock)
    with held(tmp_path / "x.lock"):
        pass
    assert "x.lock: no locks on this file system" in capsys.readouterr().out


def test_waiting_is_said_once(tmp_path, monkeypatch, capsys):
    first = Lock(tmp_path / "x.lock")
    assert first.take()
    naps = iter([lambda: None, first.release])
    monkeypatch.setattr(lock.time, "sleep", lambda _: next(naps)())
    with held(tmp_path / "x.lock"):
        pass
    assert capsys.readouterr().out.count("waiting for it to end") == 1


def test_a_lock_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    assert "x.lock: cannot be written" in refusal(Lock(tmp_path / "file/x.lock").take)
