"""The one exception that stands for a user's mistake: the command line prints it as a single line and exits with 2."""

from collections.abc import Iterable


class UserError(Exception):
    """Something the user can mend: the message is one line and names the file, the key and what is allowed."""


def unknown(kind: str, name: object, allowed: Iterable[object]) -> UserError:
    """The error for a name that no file declares."""
    return UserError(f"unknown {kind} {name!r}; known: {', '.join(sorted(map(str, allowed)))}")
