"""Templates as clients see them, and what becomes of a spec that refers to one."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from core.errors import InvalidRequestError, Violation
from core.template import TemplateId
from segue.v1 import spec_pb2
from segue.v1 import template_service_pb2 as pb
from server.limits import DEFAULT_PAGE, LARGEST_PAGE
from server.translate.jobs import timestamp_to_proto

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from core.template import Template
    from segue.v1 import job_service_pb2

#: Messages that are one value: half of a duration is none.
_VALUES: Final = frozenset({Duration.DESCRIPTOR.full_name, Timestamp.DESCRIPTOR.full_name})
#: What a page token begins with.
_MARK: Final = "template"


def template_to_proto(template: Template) -> pb.Template:
    """Return a template as clients see it."""
    return pb.Template(
        template_id=template.id,
        display_name=template.display_name,
        spec=spec_pb2.JobSpec.FromString(template.spec),
        revision=template.revision,
        create_time=timestamp_to_proto(template.create_time),
        update_time=timestamp_to_proto(template.update_time),
    )


def template_of(request: job_service_pb2.SubmitJobRequest) -> TemplateId | None:
    """Return which template a submission refers to; None: none."""
    named = request.template_id or (
        request.spec.script_video.template_id if request.spec.WhichOneof("kind") == "script_video" else ""
    )
    return TemplateId(named) if named else None


def laid_over(template: Template, request: job_service_pb2.SubmitJobRequest) -> job_service_pb2.SubmitJobRequest:
    """Return a copy of a submission in which the template stands where its spec is silent."""
    filled = type(request)()
    filled.CopyFrom(request)
    filled.spec.ParseFromString(template.spec)
    lay_over(filled.spec, request.spec)
    filled.template_id = template.id
    return filled


def lay_over(base: Message, over: Message) -> None:
    """Change *base* into what *over* says, where it says something.

    Messages are gone into; lists are replaced as a whole, and so are durations; the JSON arguments of a model are
    replaced name by name. A field without presence that holds its default (0, "") says nothing.
    """
    for field, value in over.ListFields():
        if isinstance(value, Struct):
            for name, item in value.fields.items():
                getattr(base, field.name).fields[name].CopyFrom(item)
        elif field.is_repeated:
            base.ClearField(field.name)
            getattr(base, field.name).MergeFrom(value)
        elif field.message_type is None:
            setattr(base, field.name, value)
        elif field.message_type.full_name in _VALUES:
            getattr(base, field.name).CopyFrom(value)
        else:
            getattr(base, field.name).SetInParent()
            lay_over(getattr(base, field.name), value)


def template_page_size_from_proto(request: pb.ListTemplatesRequest) -> int:
    """Return how many templates a page shall have."""
    return min(request.page_size or DEFAULT_PAGE, LARGEST_PAGE)


def template_page_token_to_proto(last: TemplateId) -> str:
    """Return the token of the page that follows a template."""
    return base64.urlsafe_b64encode(f"{_MARK}:{last}".encode()).decode()


def template_page_token_from_proto(token: str) -> TemplateId | None:
    """Return the template after which the wanted page begins; None: it is the first one.

    Raises:
        InvalidRequestError: no page has given out this token.
    """
    if not token:
        return None
    try:
        mark, _, last = base64.b64decode(token, altchars=b"-_", validate=True).decode("ascii").partition(":")
    except (ValueError, binascii.Error):
        mark, last = "", ""
    if mark != _MARK:
        raise InvalidRequestError([Violation("page_token", "is not a page token")])
    return TemplateId(last)
