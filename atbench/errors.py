"""The one exception that stands for a user's mistake: the command line prints it as a single line and exits with 2."""


class UserError(Exception):
    """Something the user can mend: the message is one line and names the file, the key and what is allowed."""
