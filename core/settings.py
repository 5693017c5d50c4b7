"""Settings: what every process of an installation must agree on, and how a process is told its own."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Annotated, Final, Literal, NoReturn, TypeVar

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.fields import FieldInfo

#: Where Redis is when nobody says so: the devstack and docker compose always do.
DEFAULT_REDIS_URL: Final = "redis://127.0.0.1:6379/0"

Weight = Annotated[float, Field(ge=0.001, le=1000)]


def _from_json(value: object) -> object:
    """Return what a JSON text says. pydantic-settings would do it too, but raises no ValidationError for bad JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError as error:
        raise ValueError("must be a JSON object") from error


class StoreSettings(BaseSettings):
    """How to reach the job store and what it keeps. Read from SEGUE_* environment variables."""

    model_config = SettingsConfigDict(
        env_prefix="SEGUE_", frozen=True, extra="ignore", populate_by_name=True, use_attribute_docstrings=True
    )

    redis_url: SecretStr = Field(default=SecretStr(DEFAULT_REDIS_URL))
    """redis:// or rediss:// URL, or unix:// socket; secret because it may hold a password."""
    key_prefix: str = Field(default="{segue}", pattern=r"^\{[A-Za-z0-9_.-]{1,32}\}$")
    """What every key begins with. The braces keep all keys in one slot."""
    events_per_job: int = Field(default=1000, ge=100, le=100_000)
    """Events of a job that are kept for watchers who come back, about; older ones are cut off."""
    redis_timeout_seconds: float = Field(default=5, gt=0, le=60)
    """How long one call to Redis may take."""
    tenant_weights: Annotated[dict[str, Weight], NoDecode, BeforeValidator(_from_json)] = Field(default_factory=dict)
    """The shares of tenants inside a priority class: a JSON object such as {"acme": 3}; others have 1."""


class ProcessSettings(StoreSettings):
    """What servers and workers have in common."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe lines that are logged."""
    log_format: Literal["json", "text"] = "json"
    """One JSON object a line, or text for people."""


AnySettings = TypeVar("AnySettings", bound=ProcessSettings)


def read_settings(
    settings: type[AnySettings],
    *,
    program: str,
    summary: str,
    options: Sequence[str] = (),
    arguments: Sequence[str] | None = None,
) -> AnySettings:
    """Return a process's settings from its environment; answer --help; exit with a line for each wrong setting.

    Args:
        program: how the process is started, for example "python -m server".
        summary: what it does, in a sentence.
        options: settings that the command line may name as well, before the environment: "processes" is --processes.
        arguments: of the command line; None: the process's own.
    """

    class Arguments(argparse.ArgumentParser):
        def format_help(self) -> str:
            return f"{usage(settings, program=program, summary=summary, options=options)}\n"

    parser = Arguments(prog=program)
    for name in options:
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, default=argparse.SUPPRESS)
    try:
        return settings(**vars(parser.parse_args(arguments)))
    except ValidationError as error:
        _refuse(settings, program, error)


def usage(settings: type[ProcessSettings], *, program: str, summary: str, options: Sequence[str] = ()) -> str:
    """Return what --help prints: every setting with its default and meaning."""
    call = " ".join([program, "[--help]", *(f"[--{name.replace('_', '-')} {name[0].upper()}]" for name in options)])
    lines = [f"usage: {call}", "", f"{summary} Set by environment variables:", ""]
    for name, field in sorted(settings.model_fields.items()):
        default = field.get_default(call_default_factory=True, validated_data={})
        shown = default.get_secret_value() if isinstance(default, SecretStr) else default
        shown = "" if shown is None else str(shown).lower() if isinstance(shown, bool) else shown
        lines.append(f"  {variable_of(name, field)}={shown}")
        lines.append(f"      {' '.join((field.description or '').split())}")
    return "\n".join(lines)


def variable_of(name: str, field: FieldInfo) -> str:
    """Return the environment variable that sets a field."""
    alias = field.validation_alias
    first = alias.choices[0] if isinstance(alias, AliasChoices) else alias
    return str(first) if first else f"SEGUE_{name.upper()}"


def _refuse(settings: type[ProcessSettings], program: str, error: ValidationError) -> NoReturn:
    """Exit with one line per wrong setting, under the name it has in the environment."""
    for fault in error.errors(include_input=False, include_url=False):
        name = "".join(str(part) for part in fault["loc"][:1])
        field = settings.model_fields.get(name)
        variable = f"{variable_of(name, field) if field else name}: " if name else ""
        sys.stderr.write(f"{program}: {variable}{fault['msg'].removeprefix('Value error, ')}\n")
    sys.exit(1)
