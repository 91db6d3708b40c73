"""The exception tree of PEP 249, with integrity errors split by SQLSTATE.

Errors have the fields that the server sent. Source of the tree: https://peps.python.org/pep-0249/#exceptions;
of the SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html.
"""

# Without `from __future__ import annotations`: see `howdah.export`.

import builtins
from typing import Literal


class Error(Exception):
    """The base class of howdah's errors.

    Exceptions of the caller's code, such as a generator of rows, are raised unchanged. An argument of another type than
    its annotation is a TypeError, as for Python's own functions.

    Attributes:
        sqlstate: The five characters of the server's SQLSTATE, if the server raised it.
        detail: The server's detail. For a broken constraint it contains values of the row, so the message does not show
            it.
        hint: The server's hint.
        position: The position in the statement, in characters from 1.
        howdah_outcome: The outcome of the interrupted work, if some of it may be stored; see `howdah.outcomes`.
        howdah_result: The result that the method would have returned, if the work is committed.
        pipeline_index: The number of the statement of a pipeline that failed, from 0.
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
    """An error of the database, or of a statement or value for it."""


class OperationalError(DatabaseError):
    """An error of the server, its resources or the session."""


class ConnectionError(OperationalError, builtins.ConnectionError):  # noqa: A001
    """There is no connection, or it was lost; also Python's ConnectionError."""


class QueryTimeout(OperationalError, TimeoutError):
    """A statement was cancelled, by a timeout or by the user; also Python's TimeoutError."""


class SerializationFailure(OperationalError):
    """A serialization failure (40001) or deadlock (40P01): safe to retry."""


class ProgrammingError(DatabaseError):
    """An error in a statement, its names or its privileges, or columns that do not match."""


class DataError(DatabaseError):
    """A value that cannot be converted.

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
    """A row breaks a constraint.

    Attributes:
        table: The table, as the server names it.
        column: The column, as the server names it.
        constraint: The constraint.
        row: The row, counted from 0 in the input, if the server reports it.
    """

    table: str | None = None
    column: str | None = None
    constraint: str | None = None
    row: int | None = None


class UniqueViolation(IntegrityError):
    """A row breaks a unique constraint or index (23505)."""


class ForeignKeyViolation(IntegrityError):
    """A row breaks a foreign key (23503, 23001)."""


class NotNullViolation(IntegrityError):
    """A NOT NULL column has no value (23502)."""


class CheckViolation(IntegrityError):
    """A row breaks a check constraint (23514)."""


class ExclusionViolation(IntegrityError):
    """A row breaks an exclusion constraint (23P01)."""


class InternalError(DatabaseError):
    """An internal error of the server, or malformed bytes from it."""


class NotSupportedError(DatabaseError):
    """The server or this version of howdah does not support it."""


class NotLoaded(InterfaceError, AttributeError):
    """An attribute was not loaded, or has no value from the server yet; also Python's AttributeError."""


class NoField(InterfaceError, AttributeError):
    """The table, subquery or row has no column or relation of the name; also Python's AttributeError."""


class NoRow(InterfaceError):
    """There is no such row, or it was deleted."""
