"""The command line."""

import os
import signal
import sys

from atbench.cli.arguments import parser
from atbench.runtime.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run one verb. A user's mistake ends with one line on stderr and the exit code 2, an interrupted verb with 130."""
    try:
        options = parser().parse_args(arguments)  # inside: the defaults come from a file that may be wrong
        return options.verb(options) or 0
    except UserError as error:
        print(f"atbench: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:  # where nothing can be set aside
        print("atbench: interrupted; the same command continues with what is not finished", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader of a pipe (head, less) left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
