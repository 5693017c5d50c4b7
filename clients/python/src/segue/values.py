"""Between plain Python values and the contract's: durations, instants and the names of enums."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from segue.v1.job_pb2 import JOB_STATE_CANCELLED, JOB_STATE_FAILED, JOB_STATE_SUCCEEDED, JobState

if TYPE_CHECKING:
    from datetime import datetime

    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper

EnumT = TypeVar("EnumT", bound=int)

#: The states that no attempt follows by itself. A state that this client does not know is not final.
_FINAL: Final = frozenset({JOB_STATE_SUCCEEDED, JOB_STATE_FAILED, JOB_STATE_CANCELLED})


def is_final(state: JobState.ValueType) -> bool:
    """Tell whether a job in this state has ended."""
    return state in _FINAL


def state_name(state: JobState.ValueType) -> str:
    """Return the name of a state as people say it, for example "processing"; of an unknown one its number."""
    if state not in JobState.values():
        return str(int(state))
    return JobState.Name(state).removeprefix("JOB_STATE_").lower()


def seconds(value: timedelta | float) -> float:
    """Return a length of time in seconds."""
    return value.total_seconds() if isinstance(value, timedelta) else float(value)


def duration(value: timedelta | float | None) -> Duration | None:
    """Return a timedelta or a number of seconds as the contract has it; None stays unset."""
    if value is None:
        return None
    message = Duration()
    message.FromTimedelta(value if isinstance(value, timedelta) else timedelta(seconds=value))
    return message


def timestamp(value: datetime | None) -> Timestamp | None:
    """Return an instant as the contract has it; None stays unset.

    Raises:
        ValueError: the datetime has no time zone, so that it names no instant.
    """
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    message = Timestamp()
    message.FromDatetime(value)
    return message


def enum_value(enum: _EnumTypeWrapper[EnumT], value: str | EnumT) -> EnumT:
    """Return the enum value of a name in any case, without its prefix; "" is the unspecified one.

    Raises:
        ValueError: the enum has no such name; the message lists those it has.
    """
    if not isinstance(value, str):
        return value
    unspecified = next(name for name in enum.keys() if name.endswith("UNSPECIFIED"))  # noqa: SIM118 - not a dict
    prefix = unspecified.removesuffix("UNSPECIFIED")
    name = prefix + (value.upper() or "UNSPECIFIED")
    if name in enum.keys():  # noqa: SIM118 - not a dict
        return enum.Value(name)
    known = ", ".join(key.removeprefix(prefix).lower() for key in enum.keys() if key != unspecified)  # noqa: SIM118
    raise ValueError(f"{value!r} is none of: {known}")
