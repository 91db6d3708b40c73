"""The outcome of work that an exception interrupted.

An interrupt (Ctrl-C, the cancellation of a task, a timeout) may reach a statement while the server commits it. The
exception, whatever its class, then has a note and two attributes. `howdah_outcome` is `"committed"`, `"uncommitted"`
(done in a transaction that is still open) or `"unknown"`. `howdah_result` is the result that the method would have
returned, if it is known. If an exception has no such attributes, nothing of the interrupted work is stored.
"""

from __future__ import annotations

from typing import Literal

from howdah._core import RUN_AGAIN
from howdah.errors import DatabaseError, Error, SerializationFailure

Outcome = Literal["committed", "uncommitted", "unknown"]

COMMITTED = "howdah: the interrupted work had already finished, and is committed"
UNCOMMITTED = "howdah: the interrupted work had already finished, and is stored if the transaction commits"
UNKNOWN = (
    "howdah: it is unknown whether the interrupted work is committed, because the server's answer was lost or came too "
    "late; check what is stored before you repeat it"
)


def outcome_of(error: BaseException) -> Outcome | None:
    """Return the outcome of the work that an exception interrupted.

    Args:
        error: The exception.

    Returns:
        Its `howdah_outcome`; None if nothing of the work is stored.
    """
    outcome: Outcome | None = getattr(error, "howdah_outcome", None)
    return outcome


def committed(error: BaseException, result: object = None) -> None:
    """Add to an exception that the work it interrupted is committed.

    Args:
        error: The exception.
        result: The result that the method would have returned.
    """
    _set_outcome(error, "committed", COMMITTED, result)


def uncommitted(error: BaseException, result: object = None) -> None:
    """Add to an exception that the work it interrupted is done, in a transaction that is still open.

    Args:
        error: The exception.
        result: The result that the method would have returned.
    """
    _set_outcome(error, "uncommitted", UNCOMMITTED, result)


def unknown(error: BaseException, result: object = None) -> None:
    """Add to an exception that the outcome of the work it interrupted is unknown.

    Args:
        error: The exception.
        result: Always None.
    """
    _set_outcome(error, "unknown", UNKNOWN, result)


def lost(error: BaseException, result: object = None) -> None:
    """Add the unknown outcome to the error of a lost connection, without a note, because its message says it.

    Args:
        error: The exception.
        result: Always None.
    """
    _set_outcome(error, "unknown", None, result)


def is_alone(lease: object) -> bool:
    """Return whether a statement on a connection is a transaction by itself.

    Args:
        lease: The connection, if it is not one of the pool's.

    Returns:
        Whether no transaction is open on it.
    """
    return lease is None or not getattr(lease, "in_transaction", True)


def after_statement(error: BaseException, lease: object) -> None:
    """Add to an exception after a statement that the statement is committed, unless it is an error of howdah.

    Args:
        error: The exception.
        lease: The connection of the transaction around the statement, if there is one.
    """
    if is_alone(lease) and not isinstance(error, Error):
        committed(error)


def may_run_again(error: DatabaseError) -> bool:
    """Return whether a transaction that failed so may succeed if all of it runs again.

    Args:
        error: The error, which has undone the transaction.
    """
    return isinstance(error, SerializationFailure) or RUN_AGAIN in (error.hint or "")


def copy_outcome(error: BaseException, other: BaseException) -> None:
    """Copy the outcome of another exception.

    Args:
        error: The exception.
        other: The other one.
    """
    outcome = outcome_of(other)
    if outcome is not None:
        notes = {"committed": COMMITTED, "uncommitted": UNCOMMITTED, "unknown": UNKNOWN}
        _set_outcome(error, outcome, notes[outcome], getattr(other, "howdah_result", None))


def _set_outcome(error: BaseException, outcome: Outcome, note: str | None, result: object) -> None:
    # Interrupts are of Python's own classes, which declare no such attributes.
    setattr(error, "howdah_outcome", outcome)  # noqa: B010
    setattr(error, "howdah_result", result)  # noqa: B010
    if note is not None:
        error.add_note(note)
