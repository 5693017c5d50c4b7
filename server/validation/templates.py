"""Checks of templates, and of submissions that refer to one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from core.errors import InvalidRequestError, Violation
from server.limits import NAME_CHARACTERS, TOKEN_CHARACTERS
from server.validation.fields import check_length
from server.validation.findings import Findings
from server.validation.specs import check_spec

if TYPE_CHECKING:
    from segue.v1 import job_service_pb2, spec_pb2
    from segue.v1 import template_service_pb2 as pb

_ID: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")
#: How the message of every fault begins that a submission may still mend: what is open in a template it fills in.
_OPEN: Final = "is required"


def check_template_id(template_id: str) -> None:
    """Check the id in a request for one template.

    Raises:
        InvalidRequestError: it cannot be one.
    """
    found = Findings()
    _check_id(found, "template_id", template_id)
    found.raise_if_any()


def check_save_template(request: pb.CreateTemplateRequest | pb.UpdateTemplateRequest) -> None:
    """Check a template that is to be saved. What its spec leaves open is no fault; what it says must be right.

    Raises:
        InvalidRequestError: with every fault.
    """
    found = Findings()
    _check_id(found, "template_id", request.template_id)
    check_length(found, "display_name", request.display_name, NAME_CHARACTERS)
    kind = request.spec.WhichOneof("kind")
    if kind is None:
        found.add("spec", "is required: set its kind")
    else:
        of_spec = Findings()
        check_spec(of_spec, "spec", request.spec)
        found.merge(of_spec.without(_OPEN))
        if kind == "script_video" and request.spec.script_video.template_id:
            found.add("spec.script_video.template_id", "must be unset: a template does not refer to another one")
    found.raise_if_any()


def check_list_templates(request: pb.ListTemplatesRequest) -> None:
    """Check the page.

    Raises:
        InvalidRequestError: with every fault.
    """
    found = Findings()
    if request.page_size < 0:
        found.add("page_size", f"must not be negative; is {request.page_size}")
    check_length(found, "page_token", request.page_token, TOKEN_CHARACTERS)
    found.raise_if_any()


def check_reference(prefix: str, request: job_service_pb2.SubmitJobRequest, template: spec_pb2.JobSpec | None) -> None:
    """Check that a submission and the template that it names fit together.

    Args:
        prefix: of the paths: "", or "jobs[3]." in a batch.
        template: what the template says; None: there is none.

    Raises:
        InvalidRequestError: they do not.
    """
    named, in_spec = request.template_id, request.spec.script_video.template_id
    path = f"{prefix}template_id" if named else f"{prefix}spec.script_video.template_id"
    faults = []
    if named and in_spec and named != in_spec:
        faults.append(Violation(f"{prefix}spec.script_video.template_id", f"differs from template_id ({named})"))
    if template is None:
        faults.append(Violation(path, "there is no such template"))
    else:
        kind, wanted = request.spec.WhichOneof("kind"), template.WhichOneof("kind")
        if kind is not None and kind != wanted:
            faults.append(Violation(f"{prefix}spec", f"must be a {wanted}, as the template is; is a {kind}"))
    if faults:
        raise InvalidRequestError(faults)


def _check_id(found: Findings, path: str, template_id: str) -> None:
    if not _ID.fullmatch(template_id):
        found.add(path, "must be 1 to 63 characters a-z, 0-9 and -, beginning with a letter")
