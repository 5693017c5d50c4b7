"""Any endpoint of the provider, called with the arguments as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers.recipes.artifacts import result_of

if TYPE_CHECKING:
    from google.protobuf.struct_pb2 import Struct, Value

    from segue.v1.job_pb2 import JobResult
    from segue.v1.spec_pb2 import ModelSpec
    from workers.run import Run


async def model(run: Run, spec: ModelSpec) -> JobResult:
    """Call the endpoint."""
    endpoint, arguments = spec.endpoint, object_of(spec.arguments)
    del spec  # parsed, it is many times what it holds, and a process may wait for thousands of generations
    return result_of(await run.generate("model", endpoint, arguments))


def object_of(struct: Struct) -> dict[str, Any]:
    """Return the JSON object that a Struct holds.

    A Struct knows only doubles; models insist on integers. A number without a fraction is therefore an integer.
    """
    return {name: _value_of(value) for name, value in struct.fields.items()}


def _value_of(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "struct_value":
        return object_of(value.struct_value)
    if kind == "list_value":
        return [_value_of(item) for item in value.list_value.values]
    return None if kind in {"null_value", None} else getattr(value, kind)
