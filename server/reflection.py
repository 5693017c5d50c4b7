"""Server reflection under both of its names: tools ask for v1 first, grpcio-reflection only has v1alpha."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha.reflection import aio

if TYPE_CHECKING:
    from collections.abc import Iterable

ALPHA: Final = "grpc.reflection.v1alpha"
STABLE: Final = "grpc.reflection.v1"


def add_reflection(server: grpc.aio.Server, services: Iterable[str]) -> None:
    """Let clients of *server* ask for the contract of *services* and of reflection itself."""
    _describe_stable()
    names = [*services, f"{ALPHA}.ServerReflection", f"{STABLE}.ServerReflection"]
    servicer = aio.ReflectionServicer(names)
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, server)
    # The two versions are the same on the wire, so the servicer of the one serves the other.
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(f"{STABLE}.ServerReflection", {"ServerReflectionInfo": handler})]
    )


def _describe_stable() -> None:
    """Put v1 beside v1alpha into the pool of descriptors, so that it can be described as well as listed."""
    pool = descriptor_pool.Default()
    file = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name = file.name.replace("v1alpha", "v1")
    file.package = STABLE
    for message in file.message_type:
        for field in filter(lambda field: field.type_name, message.field):
            field.type_name = field.type_name.replace(f".{ALPHA}.", f".{STABLE}.")
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(f".{ALPHA}.", f".{STABLE}.")
        method.output_type = method.output_type.replace(f".{ALPHA}.", f".{STABLE}.")
    pool.AddSerializedFile(file.SerializeToString())  # the same file again is no error
