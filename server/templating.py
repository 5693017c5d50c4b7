"""Fills submissions that refer to a template, before they are checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import InvalidRequestError
from segue.v1 import spec_pb2
from server.tenants import current_tenant
from server.translate.templates import laid_over, template_of
from server.validation.templates import check_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.errors import SegueError
    from core.store.templates import TemplateStore
    from core.template import Template, TemplateId
    from segue.v1 import job_service_pb2 as pb


async def filled(templates: TemplateStore, request: pb.SubmitJobRequest) -> pb.SubmitJobRequest:
    """Return a submission with its template's values where it is silent; itself if it refers to none.

    Raises:
        InvalidRequestError: the template does not exist, or is of another kind.
    """
    template_id = template_of(request)
    if template_id is None:
        return request
    found = await templates.get_many(current_tenant(), [template_id])
    return _filled("", request, template_id, found)


async def filled_batch(
    templates: TemplateStore, request: pb.BatchSubmitRequest
) -> tuple[pb.BatchSubmitRequest, Mapping[int, SegueError]]:
    """Return a batch with its templates' values, and the errors of the items that refer to none of ours.

    Raises:
        InvalidRequestError: with every such item, unless others can be accepted without them.
    """
    named = {index: id_ for index, job in enumerate(request.jobs) if (id_ := template_of(job)) is not None}
    if not named:
        return request, {}
    found = await templates.get_many(current_tenant(), set(named.values()))
    batch = type(request)()
    batch.CopyFrom(request)
    refused: dict[int, InvalidRequestError] = {}
    for index, template_id in named.items():
        try:
            batch.jobs[index].CopyFrom(_filled(f"jobs[{index}].", request.jobs[index], template_id, found))
        except InvalidRequestError as error:
            refused[index] = error
    if refused and not request.allow_partial_success:
        raise InvalidRequestError([violation for error in refused.values() for violation in error.violations])
    return batch, refused


def _filled(
    prefix: str, request: pb.SubmitJobRequest, template_id: TemplateId, found: Mapping[TemplateId, Template]
) -> pb.SubmitJobRequest:
    template = found.get(template_id)
    check_reference(prefix, request, spec_pb2.JobSpec.FromString(template.spec) if template else None)
    assert template is not None  # noqa: S101 - it has just been checked
    return laid_over(template, request)
