"""Saved specs: `Client.templates` and `aio.Client.templates`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segue.v1.template_service_pb2 import (
    CreateTemplateRequest,
    DeleteTemplateRequest,
    GetTemplateRequest,
    ListTemplatesRequest,
    UpdateTemplateRequest,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from segue.callers import AioCaller, Caller
    from segue.v1.spec_pb2 import JobSpec
    from segue.v1.template_service_pb2 import Template


class Templates:
    """The templates of the caller's tenant, from threads. Its methods are those of `AioTemplates`."""

    def __init__(self, call: Caller) -> None:
        self._call = call

    def create(self, template_id: str, spec: JobSpec, *, display_name: str = "") -> Template:
        """Save a spec under a name. See `AioTemplates.create`.

        Raises:
            TemplateExists: the name is taken.
            InvalidRequest: mend what its violations name.
        """
        request = CreateTemplateRequest(template_id=template_id, spec=spec, display_name=display_name)
        return self._call(lambda stubs: stubs.templates.CreateTemplate, request).template

    def get(self, template_id: str) -> Template:
        """Return a template.

        Raises:
            TemplateNotFound: there is none.
        """
        return self._call(
            lambda stubs: stubs.templates.GetTemplate, GetTemplateRequest(template_id=template_id)
        ).template

    def list(self) -> Iterator[Template]:
        """Yield the templates by their ids, fetched page by page."""
        request = ListTemplatesRequest(page_size=100)
        while True:
            page = self._call(lambda stubs: stubs.templates.ListTemplates, request)
            yield from page.templates
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def update(self, template_id: str, spec: JobSpec, *, display_name: str = "", revision: int = 0) -> Template:
        """Replace a template. See `AioTemplates.update`.

        Raises:
            TemplateNotFound: there is none.
            TemplateChanged: it has another revision.
            InvalidRequest: mend what its violations name.
        """
        request = UpdateTemplateRequest(
            template_id=template_id, spec=spec, display_name=display_name, revision=revision
        )
        return self._call(lambda stubs: stubs.templates.UpdateTemplate, request).template

    def delete(self, template_id: str) -> None:
        """Forget a template; jobs that were submitted with it stay as they are.

        Raises:
            TemplateNotFound: there is none.
        """
        self._call(lambda stubs: stubs.templates.DeleteTemplate, DeleteTemplateRequest(template_id=template_id))


class AioTemplates:
    """The templates of the caller's tenant, for asyncio."""

    def __init__(self, call: AioCaller) -> None:
        self._call = call

    async def create(self, template_id: str, spec: JobSpec, *, display_name: str = "") -> Template:
        """Save a spec under a name; submits refer to it by ``template_id=``.

        Args:
            template_id: 1 to 63 characters a-z, 0-9 and -, beginning with a letter.
            spec: what stands where a submitted spec is silent; it may leave required fields open.
            display_name: for people.

        Raises:
            TemplateExists: the name is taken.
            InvalidRequest: mend what its violations name.
        """
        request = CreateTemplateRequest(template_id=template_id, spec=spec, display_name=display_name)
        return (await self._call(lambda stubs: stubs.templates.CreateTemplate, request)).template

    async def get(self, template_id: str) -> Template:
        """Return a template.

        Raises:
            TemplateNotFound: there is none.
        """
        request = GetTemplateRequest(template_id=template_id)
        return (await self._call(lambda stubs: stubs.templates.GetTemplate, request)).template

    async def list(self) -> AsyncIterator[Template]:
        """Yield the templates by their ids, fetched page by page."""
        request = ListTemplatesRequest(page_size=100)
        while True:
            page = await self._call(lambda stubs: stubs.templates.ListTemplates, request)
            for template in page.templates:
                yield template
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def update(self, template_id: str, spec: JobSpec, *, display_name: str = "", revision: int = 0) -> Template:
        """Replace a template; jobs that were submitted with it stay as they are.

        Args:
            revision: replace it only if this is still its revision; 0: whatever it is.

        Raises:
            TemplateNotFound: there is none.
            TemplateChanged: it has another revision.
            InvalidRequest: mend what its violations name.
        """
        request = UpdateTemplateRequest(
            template_id=template_id, spec=spec, display_name=display_name, revision=revision
        )
        return (await self._call(lambda stubs: stubs.templates.UpdateTemplate, request)).template

    async def delete(self, template_id: str) -> None:
        """Forget a template; jobs that were submitted with it stay as they are.

        Raises:
            TemplateNotFound: there is none.
        """
        request = DeleteTemplateRequest(template_id=template_id)
        await self._call(lambda stubs: stubs.templates.DeleteTemplate, request)
