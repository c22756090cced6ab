"""One line of the operator's log: its fields, of which the documents have the JSON schema."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LogLine(BaseModel):
    """A line of the operator's log. Fields that a line has nothing to say about are left out."""

    model_config = ConfigDict(extra="forbid", strict=True)

    event: str = Field(description="What happened: a fixed word, or a sentence about an action.")
    level: Literal["debug", "info", "warning", "error"] = Field(description="Severity.")
    timestamp: datetime = Field(description="When, in UTC.")

    cluster: str | None = Field(None, description="Namespace and name of the EtcdCluster.")
    backup: str | None = Field(None, description="Namespace and name of the EtcdBackup.")
    restore: str | None = Field(None, description="Namespace and name of the EtcdRestore.")
    number: int | None = Field(
        None, alias="pass", description="Number of the pass, counted since this process started."
    )
    duration: float | None = Field(
        None, description="Seconds from the beginning of the pass to this line."
    )

    rule: str | None = Field(None, description="Rule that decided.")
    reason: str | None = Field(
        None,
        description="Reason of the decision or of the Event, as users see it.",
    )
    phase: str | None = Field(None, description="Phase that is reported.")
    message: str | None = Field(None, description="The sentence of the decision.")
    done: int | None = Field(None, description="How many actions of the pass took effect.")
    stopped: str | None = Field(None, description="What stopped the pass; empty if nothing did.")
    silent: dict[str, str] | None = Field(
        None, description="Members that did not answer, by ordinal, and why."
    )

    action: str | None = Field(None, description="Action that a guard refused.")
    guard: str | None = Field(None, description="Guard that refused it.")
    why: str | None = Field(None, description="Why it is unsafe.")

    error: str | None = Field(None, description="Error, as it was met.")
    exception: str | None = Field(None, description="Traceback of what no code expected.")

    logger: str | None = Field(None, description="Library that wrote the line.")
    kind: str | None = Field(None, description="Kind of objects that are watched, in the plural.")
    object: str | None = Field(None, description="Namespace and name of an object.")
    uid: str | None = Field(None, description="UID of the EtcdCluster.")
    identity: str | None = Field(None, description="Name of this replica, as in the Lease.")
    lease: str | None = Field(None, description="Name of the Lease that was taken or lost.")
    namespaces: str | list[str] | None = Field(None, description="Namespaces that are served.")
