"""The command line."""

import os
import sys

from atbench.cli.arguments import parser
from atbench.runtime.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Run one verb. A user's mistake ends with one line on stderr and exit code 2."""
    try:
        options = parser().parse_args(arguments)  # inside: the defaults come from a file that may be wrong
        return options.verb(options) or 0
    except UserError as error:
        print(f"atbench: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of a pipe (head, less) left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
