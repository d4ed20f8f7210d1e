"""What a watch puts on the screen, and the command that it starts: live on a terminal, elsewhere a line a minute."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from atbench.runtime.errors import UserError
from atbench.spec.progress import Progress
from atbench.workflow.instances import living
from atbench.workflow.watch import Look, Watch, seconds_left

SNAKEMAKE = Path(".snakemake")
GLANCE, LINE = 1.0, 60.0  # seconds between two looks on a terminal, and between two lines elsewhere
HEADS = ("run", "done", "loss", "delta RMS", "images/s", "left")


def look_on(watch: Watch, command: Sequence[str], console: Console | None = None, line: float = LINE) -> int:
    """Start ``command`` and show how far the runs are until its end; returns its exit code.

    Without a command it looks on as long as a Snakemake process, or a training, lives here. The main table of the first
    suite is shown as soon as it is written. Raises UserError for a command that cannot be started.
    """
    console = console or Console()
    if not command:
        _look_until(lambda: watch.look().is_over or not _anything_lives(watch), watch, console, line)
        console.print(_line(watch, watch.look()), highlight=False)
        return 0
    child = _started(command, piped=console.is_terminal)
    with _signals_to(child):
        echo = threading.Thread(target=_echo, args=(child, console), daemon=True)
        echo.start()
        _look_until(lambda: child.poll() is not None, watch, console, line)
        echo.join()
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def _started(command: Sequence[str], piped: bool) -> subprocess.Popen[str]:
    """The command; what it says comes through a pipe, to be printed above a board, or goes straight to the screen."""
    out, err = (subprocess.PIPE, subprocess.STDOUT) if piped else (None, None)
    try:
        return subprocess.Popen(list(command), text=True, errors="replace", stdout=out, stderr=err)
    except OSError as error:
        raise UserError(f"{command[0]}: cannot be started ({error.strerror})") from error


def _look_until(is_over: Callable[[], bool], watch: Watch, console: Console, line: float) -> None:
    told, due = False, time.monotonic() + line
    with _screen(console) as show:
        while not is_over():
            if show:
                show(_board(watch, watch.look()))
            elif time.monotonic() >= due:
                due = time.monotonic() + line
                console.print(_line(watch, watch.look()), highlight=False, soft_wrap=True)
            if not told and (path := watch.finished_table()):
                told = True
                _show_table(path, console)
            time.sleep(min(GLANCE, line))
    if not told and (path := watch.finished_table()):
        _show_table(path, console)


@contextmanager
def _screen(console: Console) -> Iterator[Callable[[Table], None] | None]:
    """What a board is shown with on a terminal; None elsewhere."""
    if not console.is_terminal:
        yield None
        return
    with Live(console=console, refresh_per_second=2, transient=True) as live:
        yield live.update


@contextmanager
def _signals_to(child: subprocess.Popen[str]) -> Iterator[None]:
    """Ctrl-C reaches the child by itself, as part of the terminal's group; a termination is handed on."""

    def hand_on(number: int, frame: FrameType | None) -> None:
        child.send_signal(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, hand_on)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _echo(child: subprocess.Popen[str], console: Console) -> None:
    """Print what the child says above the board."""
    for said in child.stdout or ():
        console.print(Text(said.rstrip("\n")), soft_wrap=True)


def _anything_lives(watch: Watch) -> bool:
    return bool(living(SNAKEMAKE) or watch.look().trainings)


def _board(watch: Watch, look: Look) -> Table:
    """What runs, a row each, below how far all of it is."""
    board = Table(title=_summary(watch, look), title_justify="left", title_style="bold", box=None, pad_edge=False)
    for head in HEADS:
        board.add_column(head, justify="left" if head == "run" else "right", no_wrap=True)
    for run, told in look.trainings.items():
        board.add_row(_short(str(run)), *_words(told, run.suite.training.batch_size))
    for run, (there, declared) in look.evaluations.items():
        board.add_row(_short(str(run)), f"cell {there:,} of {declared:,}", *[""] * (len(HEADS) - 2))
    return board


def _line(watch: Watch, look: Look) -> str:
    """The same on one line."""
    parts = [_summary(watch, look)]
    for run, told in look.trainings.items():
        words = _words(told, run.suite.training.batch_size)
        named = [f"{head} {word}" for head, word in zip(HEADS[1:], words) if word]
        parts.append(f"{_short(str(run))}: {', '.join(named).removeprefix('done ')}")
    parts += [f"{_short(str(run))}: cell {there:,} of {total:,}" for run, (there, total) in look.evaluations.items()]
    return "; ".join(parts)


def _summary(watch: Watch, look: Look) -> str:
    counts = f"{look.trained} of {look.to_train} runs trained, {look.evaluated} of {look.to_evaluate} evaluated"
    known = look.seconds_left is not None
    left = "" if look.is_over else f", {_span(look.seconds_left)}{' left' if known else ''}"
    return f"{watch.benchmark.scale}: {counts}{left}"


def _words(told: Progress, batch: int) -> tuple[str, str, str, str, str]:
    """What a training shows, in the order of HEADS."""
    left = seconds_left(told, batch)
    loss, delta = ("" if value is None else f"{value:.4g}" for value in (told.loss, told.delta_rms))
    return f"batch {told.batches:,} of {told.of:,}", loss, delta, f"{told.images_per_second:,.0f}", _span(left)


def _span(seconds: float | None) -> str:
    """A time in words, as exact as it is known."""
    if seconds is None:
        return "time not known yet"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _short(run: str) -> str:
    """An address without the folder and the scale."""
    return "/".join(Path(run).parts[2:])


def _show_table(path: Path, console: Console) -> None:
    """A table of Markdown: as rows on a terminal, as it is elsewhere."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    console.print(f"{path}:", highlight=False)
    if not console.is_terminal:
        for line in lines:
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    head, _, *rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    table = Table(*head, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell.replace("**", ""), style="bold" if cell.startswith("**") else "") for cell in row))
    console.print(table)
