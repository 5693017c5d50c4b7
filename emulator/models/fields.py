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
    max_length: int | None = None
    """Of a string, in characters; None: any."""


def text(
    name: str,
    *,
    required: bool = False,
    default: str | None = None,
    min_length: int = 0,
    max_length: int | None = None,
) -> Input:
    """A string."""
    return Input(
        name=name,
        kinds=("string",),
        required=required,
        default=default,
        min_length=min_length,
        max_length=max_length,
    )


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


def validated(inputs: Sequence[Input], arguments: JsonObject, *, below: str | None = None) -> JsonObject:
    """Return *arguments* with the defaults filled in; unknown names are ignored, as fal does.

    Raises:
        ModelError: with one detail for every wrong input, located *below* the input that holds them all.
    """
    above = [below] if below else []
    values: JsonObject = {}
    faults: list[JsonObject] = []
    for row in inputs:
        value = arguments.get(row.name)
        values[row.name] = row.default if value is None else value
        wrong = _wrong(row, value)
        if wrong is not None:
            kind, message, context = wrong
            extra = {"ctx": context} if context else {}
            faults.append(detail([*above, row.name], message, kind, **extra))
    if faults:
        raise ModelError(*faults)
    return values


def _wrong(row: Input, value: Any) -> tuple[str, str, JsonObject] | None:
    """Return the error type, the sentence and the context of what is wrong with *value*."""
    if value is None:
        return ("missing", "Field required", {}) if row.required else None
    if not any(_is_kind(value, kind) for kind in row.kinds):
        return (*_WRONG_TYPE[row.kinds[0]], {})
    if row.one_of and not isinstance(value, dict) and value not in row.one_of:
        allowed = ", ".join(repr(option) for option in row.one_of)
        return "one_of", f"Input should be one of: {allowed}", {"expected": list(row.one_of)}
    if isinstance(value, str) and len(value) < row.min_length:
        message = f"String should have at least {row.min_length} characters"
        return "string_too_short", message, {"min_length": row.min_length}
    if isinstance(value, str) and row.max_length is not None and len(value) > row.max_length:
        message = f"String should have at most {row.max_length} characters"
        return "string_too_long", message, {"max_length": row.max_length}
    return _out_of_range(row, value) if isinstance(value, int | float) else None


def _out_of_range(row: Input, value: float) -> tuple[str, str, JsonObject] | None:
    if row.ge is not None and value < row.ge:
        return "greater_than_equal", f"Input should be greater than or equal to {row.ge:g}", {"ge": row.ge}
    if row.le is not None and value > row.le:
        return "less_than_equal", f"Input should be less than or equal to {row.le:g}", {"le": row.le}
    return None


def _is_kind(value: Any, kind: Kind) -> bool:
    if kind in ("integer", "number") and isinstance(value, bool):
        return False
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])
