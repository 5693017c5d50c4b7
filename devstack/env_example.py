"""Writes `.env.example` from the settings themselves, so that it cannot tell anything else.

python -m devstack.env_example > .env.example
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Final

from pydantic import AliasChoices, SecretStr

from core.settings import ProcessSettings, StoreSettings
from devstack.settings import Settings as DevstackSettings
from emulator.settings import Settings as EmulatorSettings
from server.settings import Settings as ServerSettings
from workers.settings import WorkerSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo
    from pydantic_settings import BaseSettings

#: Each process, what it is called, and the class whose settings were told already.
_SECTIONS: Final[tuple[tuple[str, type[BaseSettings], type[BaseSettings] | None], ...]] = (
    ("Server and workers: the job store. All processes of one installation must agree on it", StoreSettings, None),
    ("Server and workers: logs", ProcessSettings, StoreSettings),
    ("Server (python -m server)", ServerSettings, ProcessSettings),
    ("Worker (python -m workers)", WorkerSettings, ProcessSettings),
    ("Emulator (python -m emulator): a local fal, never in production", EmulatorSettings, None),
    ("Development stack (make run, make demo)", DevstackSettings, None),
)
_HEAD: Final = """\
# Every setting, its default and what it means. Written by `python -m devstack.env_example`: edit the settings there.
# The processes read their environment only. docker compose also reads a copy of this file called .env, and hands on
# what docker-compose.yml names.
# Where a name stands in two sections, one value is for both processes.
"""
_COMPOSE: Final = """\
## docker compose

# How many worker containers.
#SEGUE_WORKERS=2

# The port on this host under which the server is found.
#SEGUE_PORT=50051

# When Redis forces its file to disk; `always` where no accepted job may be lost in a power cut.
#SEGUE_REDIS_APPENDFSYNC=everysec

# The tag of the image.
#SEGUE_IMAGE_TAG=local
"""
_WIDTH: Final = 116


def render() -> str:
    """Return the text of the file."""
    return "\n".join([_HEAD, *(_section(*section) for section in _SECTIONS), _COMPOSE])


def _section(title: str, settings: type[BaseSettings], told: type[BaseSettings] | None) -> str:
    fields = {
        name: field for name, field in settings.model_fields.items() if told is None or name not in told.model_fields
    }
    documentation = _documentation(settings)
    lines = [f"## {title}", ""]
    for name, field in fields.items():
        lines += [f"# {line}" for line in textwrap.wrap(documentation.get(name, ""), _WIDTH)]
        lines += [f"#{_variable(name, field, settings)}={_default(field)}", ""]
    return "\n".join(lines)


def _variable(name: str, field: FieldInfo, settings: type[BaseSettings]) -> str:
    """Return the variable that sets the field; of several, the one that is written as variables are."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return next(str(choice) for choice in alias.choices if str(choice).isupper())
    return f"{settings.model_config.get('env_prefix', '')}{name}".upper()


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if field.default_factory is not None or value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value).lower() if isinstance(value, bool) else str(value)


def _documentation(settings: type[BaseSettings]) -> dict[str, str]:
    """Return the text below each field, also of the classes it comes from."""
    found: dict[str, str] = {}
    for parent in reversed(settings.__mro__):
        if parent.__module__.split(".")[0] in {"core", "server", "workers", "emulator", "devstack"}:
            found.update(_attribute_texts(parent))
    return found


def _attribute_texts(parent: type) -> Iterator[tuple[str, str]]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(parent))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for field, text in itertools.pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, " ".join(words.split())


if __name__ == "__main__":
    sys.stdout.write(render())
