"""One mapping on top of another, and constants with their source reduced to their value."""

from atbench.runtime.errors import UserError


def merge(base: dict, over: dict) -> dict:
    """``over`` on top of ``base``: mappings merge key by key, everything else (lists too) is replaced."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = merge(base[key], value) if both else value
    return merged


def without_nulls(merged: dict, base: dict, where: str) -> dict:
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


def plain(value: object) -> object:
    """``value`` with every `{value: v, source: ..., why: ...}` replaced by v."""
    if isinstance(value, dict):
        if "value" in value and "source" in value:
            return plain(value["value"])
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value
