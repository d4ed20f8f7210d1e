"""The experiment files as plain mappings: read strictly, put on top of each other, constants reduced to their value."""

import re
from pathlib import Path
from typing import Any

import yaml

from atbench.runtime.errors import UserError
from atbench.runtime.files import visible

ROOT = Path(__file__).parent.parent.parent
EXPERIMENTS = ROOT / "experiments"

Mapping = dict[str, Any]


def read_yaml(path: Path) -> Mapping:
    """Read a YAML mapping, refusing duplicate keys. Raises UserError naming the file."""
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except UnicodeDecodeError as error:
        raise UserError(
            f"{short(path)}: not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
        ) from error
    except (OSError, yaml.YAMLError, ValueError) as error:
        raise UserError(f"{short(path)}: {' '.join(str(error).split())}") from error
    if not isinstance(value, dict):
        raise UserError(f"{short(path)}: holds no mapping")
    return value


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
    """YAML keeps the last of two equal keys silently; a benchmark must not. 1e-4 is a number, as in YAML 1.2."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        merged = "tag:yaml.org,2002:merge"  # `<<: *anchor` may be overridden
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value if key.tag != merged]
        repeated = {str(key) for key in keys if keys.count(key) > 1}
        if repeated:
            raise yaml.YAMLError(f"line {node.start_mark.line + 1}: repeated key {', '.join(sorted(repeated))}")
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)
