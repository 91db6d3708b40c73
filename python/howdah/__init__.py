"""howdah carries rows into and out of PostgreSQL.

A binary-COPY bulk loader and a zero-copy Arrow reader, with a Rust core.
"""

from howdah._core import LoadReport, Progress
from howdah.async_database import AsyncDatabase
from howdah.database import Database
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
from howdah.reader import ArrowReader, AsyncArrowReader

__all__ = [
    "ArrowReader",
    "AsyncArrowReader",
    "AsyncDatabase",
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
    "OperationalError",
    "ProgrammingError",
    "Progress",
    "QueryTimeout",
    "SerializationFailure",
    "UniqueViolation",
]
