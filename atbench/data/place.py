"""Where the files of a data set lie on this machine: a key of the scale file, or an environment variable."""

import os
from pathlib import Path

from atbench.runtime.errors import UserError
from atbench.spec.datasets import variable_of
from atbench.spec.models.scale import Data


def place(data: Data, wanted: str) -> Path:
    """The file or folder that ``data.path`` names or else, for the data set x-y, the variable ATBENCH_DATA_X_Y.

    The variable keeps one machine's folders out of a scale file that others share. ``wanted`` says in the message
    of the UserError what it should point to.
    """
    variable = variable_of(data)
    path = data.path or os.environ.get(variable)
    if not path:
        raise UserError(f"data {data.name}: set data.path or {variable} to {wanted}")
    return Path(path).expanduser()
