"""TemplateService: saved specs of the caller's tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.template import TemplateId
from segue.v1 import template_service_pb2 as pb
from segue.v1.template_service_pb2_grpc import TemplateServiceServicer
from server.tenants import current_tenant
from server.translate.templates import (
    template_page_size_from_proto,
    template_page_token_from_proto,
    template_page_token_to_proto,
    template_to_proto,
)
from server.validation.templates import check_list_templates, check_save_template, check_template_id

if TYPE_CHECKING:
    from core.store.templates import TemplateStore
    from server.types import Context


class TemplateServicer(TemplateServiceServicer):
    """Serves the templates of the caller's tenant."""

    def __init__(self, templates: TemplateStore) -> None:
        self._templates = templates

    async def CreateTemplate(self, request: pb.CreateTemplateRequest, context: Context) -> pb.CreateTemplateResponse:
        """Save a spec under a name."""
        check_save_template(request)
        template = await self._templates.create(
            current_tenant(),
            TemplateId(request.template_id),
            display_name=request.display_name,
            spec=request.spec.SerializeToString(deterministic=True),
        )
        return pb.CreateTemplateResponse(template=template_to_proto(template))

    async def GetTemplate(self, request: pb.GetTemplateRequest, context: Context) -> pb.GetTemplateResponse:
        """Return a template."""
        check_template_id(request.template_id)
        template = await self._templates.get(current_tenant(), TemplateId(request.template_id))
        return pb.GetTemplateResponse(template=template_to_proto(template))

    async def ListTemplates(self, request: pb.ListTemplatesRequest, context: Context) -> pb.ListTemplatesResponse:
        """Return a page of templates by their ids."""
        check_list_templates(request)
        after = template_page_token_from_proto(request.page_token)
        page, more = await self._templates.page(
            current_tenant(), size=template_page_size_from_proto(request), after=after
        )
        return pb.ListTemplatesResponse(
            templates=[template_to_proto(template) for template in page],
            next_page_token=template_page_token_to_proto(page[-1].id) if page and more else "",
        )

    async def UpdateTemplate(self, request: pb.UpdateTemplateRequest, context: Context) -> pb.UpdateTemplateResponse:
        """Replace a template."""
        check_save_template(request)
        template = await self._templates.update(
            current_tenant(),
            TemplateId(request.template_id),
            display_name=request.display_name,
            spec=request.spec.SerializeToString(deterministic=True),
            revision=request.revision,
        )
        return pb.UpdateTemplateResponse(template=template_to_proto(template))

    async def DeleteTemplate(self, request: pb.DeleteTemplateRequest, context: Context) -> pb.DeleteTemplateResponse:
        """Forget a template."""
        check_template_id(request.template_id)
        await self._templates.delete(current_tenant(), TemplateId(request.template_id))
        return pb.DeleteTemplateResponse()
