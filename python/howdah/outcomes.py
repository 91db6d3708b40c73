"""What became of work that an exception interrupted, where the exception alone would hide it.

An interrupt (Ctrl-C, the cancellation of a task, a timeout) may reach a statement while the server commits it. The
exception then has a note about that, and two attributes, whatever its class: `howdah_outcome` is `"committed"`,
`"uncommitted"` (done in a transaction that is still open) or `"unknown"`; `howdah_result` is what the verb would have
returned, if that is known. An exception without them interrupted something of which nothing is stored.
"""

from __future__ import annotations

from typing import Literal

from howdah._core import RUN_AGAIN
from howdah.errors import DatabaseError, Error, SerializationFailure

Outcome = Literal["committed", "uncommitted", "unknown"]

COMMITTED = "howdah: this came too late to stop what it interrupted, which is committed"
UNCOMMITTED = (
    "howdah: this came too late to stop what it interrupted, which is done, and stays if the transaction commits"
)
UNKNOWN = (
    "howdah: whether what was interrupted is committed is unknown, since the server's answer was lost or did not come "
    "in time; look what is stored before you repeat it"
)


def outcome_of(error: BaseException) -> Outcome | None:
    """Give what an exception tells of the work that it interrupted.

    Args:
        error: The exception.

    Returns:
        Its `howdah_outcome`; None if nothing of the work is stored.
    """
    outcome: Outcome | None = getattr(error, "howdah_outcome", None)
    return outcome


def committed(error: BaseException, result: object = None) -> None:
    """Have an exception tell that what it interrupted is committed.

    Args:
        error: The exception.
        result: What the verb would have returned.
    """
    _tell(error, "committed", COMMITTED, result)


def uncommitted(error: BaseException, result: object = None) -> None:
    """Have an exception tell that what it interrupted is done in a transaction that is still open.

    Args:
        error: The exception.
        result: What the verb would have returned.
    """
    _tell(error, "uncommitted", UNCOMMITTED, result)


def unknown(error: BaseException, result: object = None) -> None:
    """Have an exception tell that what it interrupted may be committed or not.

    Args:
        error: The exception.
        result: None, ever.
    """
    _tell(error, "unknown", UNKNOWN, result)


def lost(error: BaseException, result: object = None) -> None:
    """As `unknown`, for the error of a lost connection, whose message says it.

    Args:
        error: The exception.
        result: None, ever.
    """
    _tell(error, "unknown", None, result)


def is_alone(lease: object) -> bool:
    """Tell whether a statement on a connection is a transaction of its own.

    Args:
        lease: The connection, if it is not one of the pool's.

    Returns:
        Whether no transaction is open on it.
    """
    return lease is None or not getattr(lease, "in_transaction", True)


def after_statement(error: BaseException, lease: object) -> None:
    """Have what interrupts the work after a statement tell that the statement is committed, unless it is howdah's own.

    Args:
        error: The exception.
        lease: The connection of the transaction around the statement, if there is one.
    """
    if is_alone(lease) and not isinstance(error, Error):
        committed(error)


def may_run_again(error: DatabaseError) -> bool:
    """Tell whether a transaction that failed so may succeed if all of it runs again.

    Args:
        error: The error, which has undone the transaction.
    """
    return isinstance(error, SerializationFailure) or RUN_AGAIN in (error.hint or "")


def tell_as(error: BaseException, other: BaseException) -> None:
    """Have an exception tell what another one tells.

    Args:
        error: The exception.
        other: The other one.
    """
    outcome = outcome_of(other)
    if outcome is not None:
        notes = {"committed": COMMITTED, "uncommitted": UNCOMMITTED, "unknown": UNKNOWN}
        _tell(error, outcome, notes[outcome], getattr(other, "howdah_result", None))


def _tell(error: BaseException, outcome: Outcome, note: str | None, result: object) -> None:
    # Interrupts are of Python's own classes, which declare no such attributes.
    setattr(error, "howdah_outcome", outcome)  # noqa: B010
    setattr(error, "howdah_result", result)  # noqa: B010
    if note is not None:
        error.add_note(note)
