"""howdah carries rows into and out of PostgreSQL.

A binary-COPY bulk loader, a zero-copy Arrow reader and a driver for rows one by one, with a Rust core.
"""

from howdah._core import LoadReport, Notification, Progress, Stats
from howdah.async_database import AsyncDatabase
from howdah.async_transaction import AsyncTransaction
from howdah.database import Database
from howdah.default import init, pg_transaction
from howdah.errors import (
    CheckViolation,
    ConnectionError,  # noqa: A004  (PEP 249's tree; it is Python's ConnectionError too)
    ConversionError,
    DatabaseError,
    DataError,
    Error,
    ExclusionViolation,
    ForeignKeyViolation,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotNullViolation,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    QueryTimeout,
    SerializationFailure,
    UniqueViolation,
)
from howdah.interval import Interval
from howdah.range import Range
from howdah.reader import ArrowReader, AsyncArrowReader
from howdah.transaction import Transaction
from howdah.vector import Vector

__all__ = [
    "ArrowReader",
    "AsyncArrowReader",
    "AsyncDatabase",
    "AsyncTransaction",
    "CheckViolation",
    "ConnectionError",
    "ConversionError",
    "DataError",
    "Database",
    "DatabaseError",
    "Error",
    "ExclusionViolation",
    "ForeignKeyViolation",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "Interval",
    "LoadReport",
    "NotNullViolation",
    "NotSupportedError",
    "Notification",
    "OperationalError",
    "ProgrammingError",
    "Progress",
    "QueryTimeout",
    "Range",
    "SerializationFailure",
    "Stats",
    "Transaction",
    "UniqueViolation",
    "Vector",
    "init",
    "pg_transaction",
]
