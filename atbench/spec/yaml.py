"""The experiment files as plain mappings: read strictly, put on top of each other, constants reduced to their value."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from atbench.runtime.errors import UserError
from atbench.runtime.files import read_bytes, visible

ROOT = Path(__file__).parent.parent.parent
EXPERIMENTS = ROOT / "experiments"
MOST_BYTES = 128 << 10  # of a file; the largest, paper.yaml, has a tenth
MOST_DEPTH = 20  # of blocks in blocks
MOST_VALUES = 20_000  # with every `*alias` counted as what it stands for: a few lines can stand for billions
MOST_INTEGER = 10**100  # nothing here counts further, and the digits of long ones take minutes to print

Mapping = dict[str, Any]
AMBIGUOUS = re.compile(r"[-+]?0[0-9_]|.*[:_]")  # a leading zero, sixties, grouped digits


def read_yaml(path: Path) -> Mapping:
    """Read a YAML mapping. Raises UserError naming the file for repeated keys and for what takes too long to read."""
    content = read_bytes(path, MOST_BYTES)
    try:
        value = yaml.load(content.decode(), Loader=_Loader)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{short(path)}: not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise UserError(f"{short(path)}: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise UserError(f"{short(path)}: holds no mapping")
    return value


def parsed(text: str) -> Any:
    """A value written in YAML, as on a command line. Raises UserError for what is none."""
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise UserError(f"{text}: {' '.join(str(error).split())}") from error


def yaml_files(folder: Path) -> list[Path]:
    """The YAML files of a folder by name, without those that a system hides (`._x.yaml`)."""
    return visible(folder, "*.yaml")


def short(path: Path | str) -> str:
    """``path`` as messages name it: below the checkout where it lies there."""
    path = Path(path)
    return str(path.relative_to(EXPERIMENTS.parent)) if path.is_relative_to(EXPERIMENTS.parent) else str(path)


def merge(base: Mapping, over: Mapping) -> Mapping:
    """``over`` on top of ``base``: mappings merge key by key, everything else (lists too) is replaced."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = merge(base[key], value) if both else value
    return merged


def without_nulls(merged: Mapping, base: Mapping, where: str) -> Mapping:
    """``merged`` without the keys that are null. Raises UserError for a null where ``base`` has nothing to remove."""
    kept = {}
    for key, value in merged.items():
        below = base.get(key)
        if value is None and below is None:
            raise UserError(f"{where}: {key}: null removes a key of the extended scale, which has none of that name")
        if isinstance(value, dict):
            kept[key] = without_nulls(value, below if isinstance(below, dict) else {}, where)
        elif value is not None:
            kept[key] = value
    return kept


def plain(value: Any) -> Any:
    """``value`` with every `{value: v, source: ..., why: ...}` replaced by v."""
    if isinstance(value, dict):
        if "value" in value and "source" in value:
            return plain(value["value"])
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


class _Loader(yaml.SafeLoader):
    """YAML keeps the last of two equal keys silently; a benchmark must not. 1e-4 is a number, as in YAML 1.2.

    What stands in each other or for each other is counted as the file is composed, before anything is made of it.
    """

    def __init__(self, stream: str):
        super().__init__(stream)
        self.depth = self.values = 0
        self.sizes: dict[yaml.Node, int] = {}  # values in each whole node

    def compose_node(self, parent: yaml.Node | None, index: Any) -> Any:
        line = self.line + 1
        is_alias, before = self.check_event(yaml.AliasEvent), self.values
        if self.depth >= MOST_DEPTH:
            raise yaml.YAMLError(f"line {line}: blocks in blocks, more than {MOST_DEPTH} deep")
        self.depth += 1
        node: Any = super().compose_node(parent, index)
        self.depth -= 1
        if is_alias and node not in self.sizes:
            raise yaml.YAMLError(f"line {line}: an alias stands within what it stands for")
        self.values += self.sizes[node] if is_alias else 1
        if self.values > MOST_VALUES:
            raise yaml.YAMLError(f"line {line}: more than {MOST_VALUES:,} values, each alias counted as what it means")
        if not is_alias:
            self.sizes[node] = self.values - before
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        merged = "tag:yaml.org,2002:merge"  # `<<: *anchor` may be overridden
        keys = Counter(str(self.construct_object(key, deep=deep)) for key, _ in node.value if key.tag != merged)
        repeated = sorted(key for key, count in keys.items() if count > 1)
        if repeated:
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: repeated key {', '.join(repeated)}")
        return super().construct_mapping(node, deep=deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """YAML 1.1 reads 010 as eight and 1:30 as ninety: such a number is refused, not guessed."""
        if AMBIGUOUS.match(node.value):
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: {node.value[:40]}: write a number in plain digits")
        value = super().construct_yaml_int(node)
        if abs(value) >= MOST_INTEGER:
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: a whole number of more than a hundred digits")
        return int(value)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        if AMBIGUOUS.match(node.value):
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: {node.value[:40]}: write a number in plain digits")
        return float(super().construct_yaml_float(node))


for kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{kind}", getattr(_Loader, f"construct_yaml_{kind}"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)
