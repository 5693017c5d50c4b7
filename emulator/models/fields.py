"""One input of a model and how wrong values are refused, in the words of fal's (pydantic) models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from emulator.outcomes import ModelError, detail
from emulator.records import JsonObject

Kind = Literal["string", "url", "integer", "number", "boolean", "array", "object"]
#: Fal's error type and sentence for a value of the wrong type.
_WRONG_TYPE: Final = {
    "string": ("string_type", "Input should be a valid string"),
    "url": ("string_type", "Input should be a valid string"),
    "integer": ("int_type", "Input should be a valid integer"),
    "number": ("float_type", "Input should be a valid number"),
    "boolean": ("bool_type", "Input should be a valid boolean"),
    "array": ("list_type", "Input should be a valid list"),
    "object": ("dict_type", "Input should be a valid dictionary"),
}
_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "string": str,
    "url": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


@dataclass(frozen=True, kw_only=True)
class Input:
    """One row of a model's table of inputs."""

    name: str
    kinds: tuple[Kind, ...]
    required: bool = False
    default: Any = None
    one_of: tuple[Any, ...] = ()
    """The allowed values of a string or number; an object passes beside them."""
    ge: float | None = None
    le: float | None = None
    min_length: int = 0
    """Of a string, in characters."""


def text(name: str, *, required: bool = False, default: str | None = None, min_length: int = 0) -> Input:
    """A string."""
    return Input(name=name, kinds=("string",), required=required, default=default, min_length=min_length)


def url(name: str, *, required: bool = False) -> Input:
    """The address of a file: https, http or data."""
    return Input(name=name, kinds=("url",), required=required)


def choice(name: str, allowed: Sequence[Any], default: Any = None) -> Input:
    """One of a few strings or integers."""
    kind: Kind = "integer" if isinstance(allowed[0], int) else "string"
    return Input(name=name, kinds=(kind,), default=default, one_of=tuple(allowed))


def number(name: str, default: float | None = None, *, ge: float | None = None, le: float | None = None) -> Input:
    """A number, whole or not."""
    return Input(name=name, kinds=("number",), default=default, ge=ge, le=le)


def integer(
    name: str,
    default: int | None = None,
    *,
    ge: float | None = None,
    le: float | None = None,
    required: bool = False,
) -> Input:
    """A whole number."""
    return Input(name=name, kinds=("integer",), default=default, ge=ge, le=le, required=required)


def flag(name: str, *, default: bool | None = None) -> Input:
    """True or false."""
    return Input(name=name, kinds=("boolean",), default=default)


def validated(inputs: Sequence[Input], arguments: JsonObject) -> JsonObject:
    """Return *arguments* with the defaults filled in; unknown names are ignored, as fal does.

    Raises:
        ModelError: with one detail for every wrong input.
    """
    values: JsonObject = {}
    faults: list[JsonObject] = []
    for row in inputs:
        value = arguments.get(row.name)
        if value is not None:
            values[row.name] = value
            faults += _faults(row, value)
        elif row.required:
            faults.append(detail([row.name], "Field required", "missing", input=sorted(arguments)))
        else:
            values[row.name] = row.default
    if faults:
        raise ModelError(*faults)
    return values


def _faults(row: Input, value: Any) -> list[JsonObject]:
    if not any(_is_kind(value, kind) for kind in row.kinds):
        kind, message = _WRONG_TYPE[row.kinds[0]]
        return [detail([row.name], message, kind)]
    if row.one_of and not isinstance(value, dict) and value not in row.one_of:
        allowed = ", ".join(repr(option) for option in row.one_of)
        context = {"expected": list(row.one_of)}
        return [detail([row.name], f"Input should be one of: {allowed}", "one_of", ctx=context)]
    if isinstance(value, str) and len(value) < row.min_length:
        message = f"String should have at least {row.min_length} characters"
        return [detail([row.name], message, "string_too_short", ctx={"min_length": row.min_length})]
    return _range_faults(row, value) if isinstance(value, int | float) else []


def _range_faults(row: Input, value: float) -> list[JsonObject]:
    if row.ge is not None and value < row.ge:
        message = f"Input should be greater than or equal to {row.ge:g}"
        return [detail([row.name], message, "greater_than_equal", ctx={"ge": row.ge})]
    if row.le is not None and value > row.le:
        message = f"Input should be less than or equal to {row.le:g}"
        return [detail([row.name], message, "less_than_equal", ctx={"le": row.le})]
    return []


def _is_kind(value: Any, kind: Kind) -> bool:
    if kind in ("integer", "number") and isinstance(value, bool):
        return False
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])
