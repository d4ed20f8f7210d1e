"""What Snakemake puts on the screen, in this project's form: a line that says the reason."""

import logging
import re
from collections.abc import Callable
from pathlib import Path


def name_the_living(logger: logging.Logger, others: list[str]) -> None:
    """Let the refusal of a second process be a line that says who holds the lock, without advice to break it."""

    def shortened(record: logging.LogRecord) -> bool:
        if "Directory cannot be locked" in record.getMessage():
            holders = ", ".join(others) or "another process"
            record.msg = f"atbench: the directory cannot be locked: {holders} makes the same files; wait for its end"
            record.args = ()
        return True

    logger.addFilter(shortened)


def name_what_is_mistyped(logger: logging.Logger, why: Callable[[str], str]) -> None:
    """Let a missing rule be a line that says what is wrong with the target, where ``why`` of it knows."""

    def explained(record: logging.LogRecord) -> bool:
        missing = re.search(r"No rule to produce (\S+)", record.getMessage())
        if missing and (reason := why(missing[1])):
            record.msg, record.args = f"atbench: {reason}", ()
        return True

    logger.addFilter(explained)


def say_why(logger: logging.Logger) -> None:
    """Let the last line of a failed job's log stand on the screen, also where --quiet hides Snakemake's own words."""

    def said(record: logging.LogRecord) -> bool:
        event = getattr(record, "event", None)
        if getattr(event, "name", "") == "JOB_ERROR":
            for file in map(Path, getattr(record, "log", None) or []):
                logger.error(f"{_last_line(file)} (log: {file})")
        return True

    logger.addFilter(said)


def _last_line(file: Path) -> str:
    """What a job said last, or why nothing can be read of it."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        return f"atbench: {file}: cannot be read ({error.strerror}): is the disk full, or the folder read-only?"
    return next((line for line in reversed(lines) if line.strip()), "the job ended without a word: was it killed?")
