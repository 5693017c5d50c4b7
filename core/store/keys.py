"""The names of the keys that Python reads by itself. The whole keyspace is told in scripts/prelude.lua."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.job import BatchId, JobId, JobKind, JobState, Tenant
    from core.template import TemplateId


class Keys:
    """Builds keys under one prefix."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def job(self, tenant: Tenant, job_id: JobId) -> str:
        """Return the key of a job's record."""
        return f"{self.prefix}:job:{tenant}:{job_id}"

    def log(self, tenant: Tenant, job_id: JobId) -> str:
        """Return the key of a job's event log."""
        return f"{self.prefix}:log:{tenant}:{job_id}"

    def outputs(self, tenant: Tenant, job_id: JobId) -> str:
        """Return the key of the outputs of a job's completed generations."""
        return f"{self.prefix}:out:{tenant}:{job_id}"

    def batch(self, tenant: Tenant, batch_id: BatchId) -> str:
        """Return the key of a batch's record."""
        return f"{self.prefix}:batch:{tenant}:{batch_id}"

    def template(self, tenant: Tenant, template_id: TemplateId) -> str:
        """Return the key of a template."""
        return f"{self.prefix}:template:{tenant}:{template_id}"

    def templates(self, tenant: Tenant) -> str:
        """Return the index of a tenant's templates."""
        return f"{self.prefix}:templates:{tenant}"

    def channel(self, tenant: Tenant, job_id: JobId) -> str:
        """Return the channel on which a job's events are published."""
        return f"{self.prefix}:events:{tenant}:{job_id}"

    def batch_log(self, tenant: Tenant, batch_id: BatchId) -> str:
        """Return the key of a batch's event log."""
        return f"{self.prefix}:batchlog:{tenant}:{batch_id}"

    def batch_channel(self, tenant: Tenant, batch_id: BatchId) -> str:
        """Return the channel on which the events of a batch's jobs are published."""
        return f"{self.prefix}:batchevents:{tenant}:{batch_id}"

    def tenant(self, tenant: Tenant) -> str:
        """Return the key of what is counted for a tenant as a whole."""
        return f"{self.prefix}:tenant:{tenant}"

    def tenant_log(self, tenant: Tenant) -> str:
        """Return the key of the event log of all jobs of a tenant."""
        return f"{self.prefix}:tenantlog:{tenant}"

    def tenant_channel(self, tenant: Tenant) -> str:
        """Return the channel on which the events of all jobs of a tenant are published."""
        return f"{self.prefix}:tenantevents:{tenant}"

    def usual_of_jobs(self, kind: JobKind, model: str) -> str:
        """Return the key of how long the last jobs of a kind and model took."""
        return f"{self.prefix}:usual:job:{kind}:{model}"

    def usual_of_generations(self, endpoint: str) -> str:
        """Return the key of how long the last generations of an endpoint took."""
        return f"{self.prefix}:usual:generation:{endpoint}"

    @property
    def control(self) -> str:
        """The channel on which workers hear whose cancellation was asked for."""
        return f"{self.prefix}:control"

    @property
    def paused(self) -> str:
        """The scopes that are paused."""
        return f"{self.prefix}:paused"

    def index_of_all(self, tenant: Tenant) -> str:
        """Return the index of all jobs of a tenant."""
        return f"{self.prefix}:index:{tenant}:all"

    def index_of_state(self, tenant: Tenant, state: JobState) -> str:
        """Return the index of a tenant's jobs in a state."""
        return f"{self.prefix}:index:{tenant}:state:{state}"

    def index_of_kind(self, tenant: Tenant, kind: JobKind) -> str:
        """Return the index of a tenant's jobs of a kind."""
        return f"{self.prefix}:index:{tenant}:kind:{kind}"

    def index_of_owner(self, tenant: Tenant, owner: str) -> str:
        """Return the index of a tenant's jobs for an owner."""
        return f"{self.prefix}:index:{tenant}:owner:{owner}"

    def index_of_batch(self, tenant: Tenant, batch_id: str) -> str:
        """Return the index of a batch's jobs."""
        return f"{self.prefix}:index:{tenant}:batch:{batch_id}"

    def index_of_label(self, tenant: Tenant, name: str, value: str) -> str:
        """Return the index of a tenant's jobs with a label."""
        return f"{self.prefix}:index:{tenant}:label:{name}={value}"

    def pending(self, priority_class: int, tenant: Tenant, kind: JobKind) -> str:
        """Return the waiting line of a tenant's jobs of a kind in a class."""
        return f"{self.prefix}:pending:{priority_class}:{tenant}:{kind}"
