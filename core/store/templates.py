"""The templates of all tenants in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from core.errors import TemplateChangedError, TemplateExistsError, TemplateNotFoundError, TooManyTemplatesError
from core.store import scripts
from core.store.connection import translated
from core.store.keys import Keys
from core.store.packing import instant
from core.template import Template, TemplateId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from redis.asyncio import Redis

    from core.job import Tenant

#: Templates that one tenant may have: people choose among them by name.
MOST: Final = 1000


class TemplateStore:
    """Saves, finds and forgets templates."""

    def __init__(self, redis: Redis, *, prefix: str) -> None:
        self._redis = redis
        self._keys = Keys(prefix)
        self._save = scripts.load(redis, prefix, "save_template")
        self._delete = scripts.load(redis, prefix, "delete_template")

    async def create(self, tenant: Tenant, template_id: TemplateId, *, display_name: str, spec: bytes) -> Template:
        """Save a spec under a new name.

        Raises:
            TemplateExistsError: the name is taken.
            TooManyTemplatesError: the tenant has as many as it may have.
        """
        return await self._saved(tenant, template_id, display_name, spec, verb="create", revision=0)

    async def update(
        self, tenant: Tenant, template_id: TemplateId, *, display_name: str, spec: bytes, revision: int
    ) -> Template:
        """Replace a template.

        Args:
            revision: what is to be replaced; 0: whatever it is.

        Raises:
            TemplateNotFoundError: this tenant has no such template.
            TemplateChangedError: it has another revision.
        """
        return await self._saved(tenant, template_id, display_name, spec, verb="update", revision=revision)

    async def get(self, tenant: Tenant, template_id: TemplateId) -> Template:
        """Return a template.

        Raises:
            TemplateNotFoundError: this tenant has no such template.
        """
        found = await self.get_many(tenant, [template_id])
        if template_id not in found:
            raise TemplateNotFoundError(metadata={"template_id": template_id})
        return found[template_id]

    async def get_many(self, tenant: Tenant, template_ids: Iterable[TemplateId]) -> Mapping[TemplateId, Template]:
        """Return those of the templates that exist."""
        ids = list(template_ids)
        with translated():
            pipeline = self._redis.pipeline(transaction=False)
            for template_id in ids:
                pipeline.hgetall(self._keys.template(tenant, template_id))
            records = cast("list[dict[bytes, bytes]]", await pipeline.execute())
        return {
            template_id: _template_of(tenant, template_id, record)
            for template_id, record in zip(ids, records, strict=True)
            if record
        }

    async def page(self, tenant: Tenant, *, size: int, after: TemplateId | None) -> tuple[Sequence[Template], bool]:
        """Return the next templates by their ids, and whether more follow."""
        low = f"({after}" if after else "-"
        with translated():
            ids = cast(
                "list[bytes]",
                await self._redis.zrangebylex(self._keys.templates(tenant), low, "+", start=0, num=size + 1),
            )
        found = await self.get_many(tenant, [TemplateId(id_.decode()) for id_ in ids[:size]])
        return list(found.values()), len(ids) > size

    async def delete(self, tenant: Tenant, template_id: TemplateId) -> None:
        """Forget a template.

        Raises:
            TemplateNotFoundError: this tenant has no such template.
        """
        verdict = await self._delete(tenant, template_id)
        if verdict[0] == b"missing":
            raise TemplateNotFoundError(metadata={"template_id": template_id})

    async def _saved(
        self, tenant: Tenant, template_id: TemplateId, display_name: str, spec: bytes, *, verb: str, revision: int
    ) -> Template:
        match await self._save(scripts.SERVER_CLOCK, tenant, template_id, display_name, spec, verb, revision, MOST):
            case [b"exists"]:
                raise TemplateExistsError(metadata={"template_id": template_id})
            case [b"missing"]:
                raise TemplateNotFoundError(metadata={"template_id": template_id})
            case [b"changed", current]:
                raise TemplateChangedError(metadata={"template_id": template_id, "revision": str(current)})
            case [b"full"]:
                raise TooManyTemplatesError(f"There are {MOST} templates; delete some.")
        return await self.get(tenant, template_id)


def _template_of(tenant: Tenant, template_id: TemplateId, record: Mapping[bytes, bytes]) -> Template:
    return Template(
        tenant=tenant,
        id=template_id,
        display_name=record[b"name"].decode(),
        spec=record[b"spec"],
        revision=int(record[b"revision"]),
        create_time=instant(record[b"created"]),
        update_time=instant(record[b"updated"]),
    )
