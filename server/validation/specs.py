"""Checks of what a job shall make: one module per kind, and any endpoint's arguments here."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from core.job import JobKind
from server.limits import ARGUMENTS_BYTES, ARGUMENTS_DEPTH
from server.validation.compositions import check_composition
from server.validation.fields import check_endpoint
from server.validation.script_videos import check_script_video
from server.validation.transitions import check_transition

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct, Value

    from segue.v1 import spec_pb2
    from server.validation.findings import Findings


def check_spec(found: Findings, path: str, spec: spec_pb2.JobSpec) -> None:
    """Check a spec of any kind. What a template or a later edit may still add is a fault that "is required"."""
    match spec.WhichOneof("kind"):
        case None:
            found.add(path, f"is required: set one of {', '.join(JobKind)}")
        case "transition":
            check_transition(found, f"{path}.transition", spec.transition)
        case "composition":
            check_composition(found, f"{path}.composition", spec.composition)
        case "script_video":
            check_script_video(found, f"{path}.script_video", spec.script_video)
        case "model":
            _check_model(found, f"{path}.model", spec.model)


def _check_model(found: Findings, path: str, spec: spec_pb2.ModelSpec) -> None:
    check_endpoint(found, f"{path}.endpoint", spec.endpoint)
    size = spec.arguments.ByteSize()
    if size > ARGUMENTS_BYTES:
        found.add(f"{path}.arguments", f"must be at most {ARGUMENTS_BYTES} bytes; are {size}")
    else:
        _check_struct(found, f"{path}.arguments", spec.arguments, 1)


def _check_struct(found: Findings, path: str, struct: Struct, depth: int) -> None:
    if depth > ARGUMENTS_DEPTH:
        found.add(path, f"must not be nested deeper than {ARGUMENTS_DEPTH} levels")
        return
    for name, value in struct.fields.items():
        _check_value(found, f"{path}.{name[:64]}", value, depth)


def _check_value(found: Findings, path: str, value: Value, depth: int) -> None:
    """Require what JSON can say: no empty value, no NaN, no infinity."""
    match value.WhichOneof("kind"):
        case "struct_value":
            _check_struct(found, path, value.struct_value, depth + 1)
        case "list_value":
            if depth >= ARGUMENTS_DEPTH:
                found.add(path, f"must not be nested deeper than {ARGUMENTS_DEPTH} levels")
                return
            for index, item in enumerate(value.list_value.values):
                _check_value(found, f"{path}[{index}]", item, depth + 1)
        case "number_value" if not math.isfinite(value.number_value):
            found.add(path, "must be a finite number")
        case None:
            found.add(path, "has no value; null is null_value")
        case _:
            pass
