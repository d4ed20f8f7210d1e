"""Where the files of a data set lie: a key of the scale file, an environment variable, or a package of the system."""

import os
from pathlib import Path

from atbench.runtime.errors import UserError
from atbench.spec.datasets import FORMATS, installed_of, variable_of
from atbench.spec.models.scale import Data


def place(data: Data, wanted: str) -> Path:
    """The file or folder that ``data.path`` names; else, for the data set x-y, that of the variable ATBENCH_DATA_X_Y;
    else the folder of the package that brings a public data set.

    The variable keeps one machine's folders out of a scale file that others share. ``wanted`` says in the message
    of the UserError what it should point to.
    """
    variable = variable_of(data)
    path = data.path or os.environ.get(variable) or installed_of(data)
    if not path:
        public = FORMATS[data.name].public if data.name in FORMATS else ""
        raise UserError(f"data {data.name}: set data.path or {variable} to {wanted}{f' ({public})' if public else ''}")
    return Path(path).expanduser()
