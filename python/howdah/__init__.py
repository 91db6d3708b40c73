"""howdah carries rows into and out of PostgreSQL.

A binary-COPY bulk loader, a zero-copy Arrow reader and a driver for rows one by one, with a Rust core.
"""

from howdah._async.database import AsyncDatabase
from howdah._async.pipeline import AsyncPipeline
from howdah._async.query import AsyncQuery
from howdah._async.session import AsyncSession
from howdah._async.transaction import AsyncTransaction
from howdah._core import LoadReport, Notification, Progress, Stats
from howdah._sync.database import Database
from howdah._sync.pipeline import Pipeline
from howdah._sync.query import Query
from howdah._sync.session import Session
from howdah._sync.transaction import Transaction
from howdah.bulk import ArrowStream
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
    NoField,
    NoRow,
    NotLoaded,
    NotNullViolation,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    QueryTimeout,
    SerializationFailure,
    UniqueViolation,
)
from howdah.export import set_module
from howdah.expressions.expression import Expr
from howdah.expressions.functions import (
    and_,
    array,
    array_agg,
    avg,
    bool_and,
    bool_or,
    case,
    coalesce,
    concat,
    count,
    cube,
    date_trunc,
    dense_rank,
    excluded,
    exists,
    extract,
    first_value,
    func,
    greatest,
    grouping_sets,
    json_agg,
    lag,
    last_value,
    lead,
    least,
    length,
    lower,
    max,  # noqa: A004  (SQL's names)
    min,  # noqa: A004
    now,
    ntile,
    nullif,
    or_,
    percent_rank,
    plainto_tsquery,
    range_between,
    rank,
    rollup,
    row_number,
    rows_between,
    string_agg,
    sum,  # noqa: A004
    to_tsquery,
    to_tsvector,
    ts_rank,
    upper,
    value,
    websearch_to_tsquery,
)
from howdah.expressions.node import Assign, Ordering
from howdah.interval import Interval
from howdah.json_values import Json, JsonText
from howdah.pipeline_results import AsyncPipelineResult, PipelineResult
from howdah.queries.from_items import Derived, table_function
from howdah.queries.page import Page
from howdah.queries.subqueries import cte, subquery
from howdah.range import Range
from howdah.reader import ArrowReader, AsyncArrowReader
from howdah.table import Table
from howdah.tables.column import Col
from howdah.tables.constraints import check, constraint, foreign_key, index, unique
from howdah.tables.ddl import ddl
from howdah.tables.defaults import EITHER
from howdah.tables.fields import col, generated, identity, many, one, ref, server_default
from howdah.tables.relation_paths import alias
from howdah.tables.relations import Many, One, Ref
from howdah.vector import Vector

__all__ = [
    "EITHER",
    "ArrowReader",
    "ArrowStream",
    "Assign",
    "AsyncArrowReader",
    "AsyncDatabase",
    "AsyncPipeline",
    "AsyncPipelineResult",
    "AsyncQuery",
    "AsyncSession",
    "AsyncTransaction",
    "CheckViolation",
    "Col",
    "ConnectionError",
    "ConversionError",
    "DataError",
    "Database",
    "DatabaseError",
    "Derived",
    "Error",
    "ExclusionViolation",
    "Expr",
    "ForeignKeyViolation",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "Interval",
    "Json",
    "JsonText",
    "LoadReport",
    "Many",
    "NoField",
    "NoRow",
    "NotLoaded",
    "NotNullViolation",
    "NotSupportedError",
    "Notification",
    "One",
    "OperationalError",
    "Ordering",
    "Page",
    "Pipeline",
    "PipelineResult",
    "ProgrammingError",
    "Progress",
    "Query",
    "QueryTimeout",
    "Range",
    "Ref",
    "SerializationFailure",
    "Session",
    "Stats",
    "Table",
    "Transaction",
    "UniqueViolation",
    "Vector",
    "alias",
    "and_",
    "array",
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "case",
    "check",
    "coalesce",
    "col",
    "concat",
    "constraint",
    "count",
    "cte",
    "cube",
    "date_trunc",
    "ddl",
    "dense_rank",
    "excluded",
    "exists",
    "extract",
    "first_value",
    "foreign_key",
    "func",
    "generated",
    "greatest",
    "grouping_sets",
    "identity",
    "index",
    "init",
    "json_agg",
    "lag",
    "last_value",
    "lead",
    "least",
    "length",
    "lower",
    "many",
    "max",
    "min",
    "now",
    "ntile",
    "nullif",
    "one",
    "or_",
    "percent_rank",
    "pg_transaction",
    "plainto_tsquery",
    "range_between",
    "rank",
    "ref",
    "rollup",
    "row_number",
    "rows_between",
    "server_default",
    "string_agg",
    "subquery",
    "sum",
    "table_function",
    "to_tsquery",
    "to_tsvector",
    "ts_rank",
    "unique",
    "upper",
    "value",
    "websearch_to_tsquery",
]

set_module(__name__, globals(), __all__)
