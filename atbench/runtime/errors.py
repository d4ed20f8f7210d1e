"""The one exception that stands for a user's mistake: the command line prints it as a single line and exits with 2,
or with the code that it names."""

from collections.abc import Iterable

LONGEST = 2000  # characters of a message


class UserError(Exception):
    """Something the user can mend: the message is one line and names the file, the key and what is allowed."""

    exit_code = 2

    def __init__(self, message: str):
        super().__init__(one_line(message))


def one_line(text: object) -> str:
    """``text`` on one line that moves no cursor: names of files and words of libraries may hold any character."""
    words = " ".join(str(text).splitlines())
    words = words if len(words) <= LONGEST else f"{words[:LONGEST]} ..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in words)


def unknown(kind: str, name: object, allowed: Iterable[object]) -> UserError:
    """The error for a name that no file declares."""
    return UserError(f"unknown {kind} {name!r}; known: {', '.join(sorted(map(str, allowed)))}")
