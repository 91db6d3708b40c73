"""What can go wrong: the exception tree of PEP 249, with integrity errors split by SQLSTATE.

Each error carries what the server said. Source of the tree: https://peps.python.org/pep-0249/#exceptions;
of the SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html.
"""

# Without `from __future__ import annotations`: see `howdah.export`.

import builtins
from typing import Literal


class Error(Exception):
    """Whatever howdah raises of its own.

    What the caller's own code raises, such as a generator of rows, is raised as it is. An argument of another type than
    its annotation is a TypeError, as Python's own functions raise it.

    Attributes:
        sqlstate: The five characters of the server's SQLSTATE, if the server raised it.
        detail: More about the problem, by the server. That of a broken constraint holds values of the row, and the
            message does not show it.
        hint: What to do about it, by the server.
        position: Where in the statement, in characters from 1.
        howdah_outcome: What became of what the error ended, where some of it may be stored; see `howdah.outcomes`.
        howdah_result: What the verb would have returned, where it is committed.
        pipeline_index: Which statement of a pipeline has failed, from 0.
    """

    sqlstate: str | None = None
    detail: str | None = None
    hint: str | None = None
    position: int | None = None
    howdah_outcome: Literal["committed", "uncommitted", "unknown"] | None = None
    howdah_result: object = None
    pipeline_index: int | None = None


class InterfaceError(Error):
    """howdah was used in a way that cannot work, such as on a closed database."""


class DatabaseError(Error):
    """Something about the database, or what was sent to it."""


class OperationalError(DatabaseError):
    """The server, its resources or the session."""


class ConnectionError(OperationalError, builtins.ConnectionError):  # noqa: A001
    """No connection, or one that broke; also Python's ConnectionError."""


class QueryTimeout(OperationalError, TimeoutError):
    """A statement was cancelled, by a timeout or by the user; also Python's TimeoutError."""


class SerializationFailure(OperationalError):
    """A serialization failure (40001) or deadlock (40P01): safe to retry."""


class ProgrammingError(DatabaseError):
    """The statement, its names, its privileges, or columns that do not fit."""


class DataError(DatabaseError):
    """A value that cannot be carried.

    Attributes:
        table: The table being loaded.
        column: The column, by its name at the server.
        row: The row, counted from 0 in the input or the result.
    """

    table: str | None = None
    column: str | None = None
    row: int | None = None


class ConversionError(DataError, TypeError):
    """A value of the wrong type; also Python's TypeError."""


class IntegrityError(DatabaseError):
    """A constraint.

    Attributes:
        table: The table, as the server names it.
        column: The column, as the server names it.
        constraint: The constraint.
        row: The row, counted from 0 in the input, where the server tells it.
    """

    table: str | None = None
    column: str | None = None
    constraint: str | None = None
    row: int | None = None


class UniqueViolation(IntegrityError):
    """A unique constraint or index (23505)."""


class ForeignKeyViolation(IntegrityError):
    """A foreign key (23503)."""


class NotNullViolation(IntegrityError):
    """A NOT NULL column without a value (23502)."""


class CheckViolation(IntegrityError):
    """A check constraint (23514)."""


class ExclusionViolation(IntegrityError):
    """An exclusion constraint (23P01)."""


class InternalError(DatabaseError):
    """The server's own inner state, or bytes from it that make no sense."""


class NotSupportedError(DatabaseError):
    """Something that the server or this version of howdah does not do."""


class NotLoaded(InterfaceError, AttributeError):
    """An attribute that was not loaded, or that the server has not given a value yet; also Python's AttributeError."""


class NoField(InterfaceError, AttributeError):
    """A name that is no column or relation of the table, subquery or row; also Python's AttributeError."""


class NoRow(InterfaceError):
    """There is no such row, or not any more."""
