"""When work is to be left to be continued: at a signal, or when its time is up. The only handlers of signals."""

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from atbench.runtime import processes
from atbench.runtime.errors import UserError

SIGNALS = (signal.SIGTERM, signal.SIGINT)
TIME_IS_UP = 0  # stands where the number of a signal could


class Stopped(UserError):
    """Work was left so that the same command continues it. Ends the process as an uncaught signal would, in number."""

    def __init__(self, where: str, number: int):
        why = "time is up" if number == TIME_IS_UP else f"stopped by {signal.Signals(number).name}"
        super().__init__(f"{where.format(why=why)}; the same command continues")
        if number != TIME_IS_UP:
            self.exit_code = 128 + number


class Stopping:
    """Within it, SIGTERM and SIGINT are noted and nothing else; what is at hand is finished, then the work asks.

    Outside the main thread, which alone may handle signals, and for a signal that is ignored, nothing is changed.
    """

    def __init__(self, minutes: float):
        self._deadline = time.monotonic() + 60 * minutes
        self._number: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> "Stopping":
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def asked(self) -> int | None:
        """The number of the signal that came, or TIME_IS_UP; None to go on. The same on every process."""
        own = self._number
        if own is None and time.monotonic() > self._deadline:
            own = TIME_IS_UP
        return max((number for number in processes.gather([own]) if number is not None), default=None)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._number = number  # a second one while the state is written finds nothing else to do
