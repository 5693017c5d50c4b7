from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import descriptor_pb2
from grpc import StatusCode, aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from segue.v1.job_service_pb2_grpc import JobServiceStub
from tests.integration.server.answers import refused, watched
from tests.integration.server.conftest import running
from tests.unit.server.asked import submit

if TYPE_CHECKING:
    from server.app import Serving
    from server.settings import Settings

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
BUF = str(Path(sys.executable).with_name("buf"))


def asked(service: str = "") -> Any:
    return health_pb2.HealthCheckRequest(service=service)


async def buf_curl(address: str, *arguments: str) -> str:
    """Call as a person would, knowing no proto file."""
    target = f"http://{address}/{arguments[-1]}".removesuffix("/")
    process = await asyncio.create_subprocess_exec(
        *(BUF, "curl", "--http2-prior-knowledge", "--protocol", "grpc", *arguments[:-1], target),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        output, complaints = await process.communicate()
    assert process.returncode == 0, complaints
    return output.decode()


@pytest.mark.parametrize("service", ["", "segue.v1.JobService", "segue.v1.SystemService"])
async def test_every_service_is_serving(channel: aio.Channel, service: str) -> None:
    answer = await health_pb2_grpc.HealthStub(channel).Check(asked(service))

    assert answer.status == SERVING


async def test_an_unknown_service_is_not_found_but_may_be_watched(channel: aio.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)

    refusal = await refused(health.Check(asked("nothing")))
    first = await health.Watch(asked("nothing")).read()

    assert refusal.code is StatusCode.NOT_FOUND
    assert first.status == SERVICE_UNKNOWN


async def test_a_health_watch_sees_the_server_stop(settings: Settings) -> None:
    async with running(settings) as server:
        channel = aio.insecure_channel(server.address)
        stream = aiter(health_pb2_grpc.HealthStub(channel).Watch(asked("segue.v1.JobService")))
        first = await anext(stream)
    rest, refusal = await watched(stream)
    await channel.close()

    assert [message.status for message in [first, *rest]] == [SERVING, NOT_SERVING]
    assert refusal is not None
    assert refusal.code is StatusCode.UNAVAILABLE


async def test_clients_that_never_read_their_health_watch_hold_nothing_up(settings: Settings) -> None:
    async with running(settings) as server, aio.insecure_channel(server.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        unread = [health.Watch(asked()) for _ in range(100)]

        # A server that waits for its readers would do so for ever.
        async with asyncio.timeout(60):
            assert (await health.Check(asked())).status == SERVING
            assert (await JobServiceStub(channel).SubmitJob(submit())).job.id
    for stream in unread:
        stream.cancel()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_describes_every_service_under_both_names(channel: aio.Channel, version: str) -> None:
    ask: Any = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )

    async def answer(**question: Any) -> Any:
        stream = ask()
        await stream.write(reflection_pb2.ServerReflectionRequest(**question))
        await stream.done_writing()
        return await stream.read()

    listed = (await answer(list_services="")).list_services_response.service
    names = {service.name for service in listed}
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(file)
        for name in sorted(names)
        for file in (await answer(file_containing_symbol=name)).file_descriptor_response.file_descriptor_proto
    ]

    assert names == {
        "segue.v1.JobService",
        "segue.v1.SystemService",
        "segue.v1.TemplateService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    assert names == {f"{file.package}.{service.name}" for file in files for service in file.service}


async def test_a_person_can_submit_and_watch_without_proto_files(server: Serving) -> None:
    methods = await buf_curl(server.address, "--list-methods", "")
    submitted = await buf_curl(
        server.address,
        *("-d", '{"spec": {"model": {"endpoint": "fal-ai/flux/schnell", "arguments": {"prompt": "a cat"}}}}'),
        "segue.v1.JobService/SubmitJob",
    )

    assert "segue.v1.JobService/WatchJob" in methods.split()
    assert '"state": "JOB_STATE_PENDING"' in submitted


async def test_reflection_can_be_turned_off(settings: Settings) -> None:
    async with (
        running(settings.model_copy(update={"reflection": False})) as server,
        aio.insecure_channel(server.address) as channel,
    ):
        call: aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        )
        _, refusal = await watched(call(iter(())))

    assert refusal is not None
    assert refusal.code is StatusCode.UNIMPLEMENTED
