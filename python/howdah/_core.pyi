"""The Rust core. Use it through `howdah.Database` and `howdah.AsyncDatabase`."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Self, TypeAlias, final

from arro3.core import RecordBatch, Schema

__all__ = [
    "IS_DEFERRABLE",
    "IS_ORDINARY_TABLE",
    "KEYS_STORED_AS_SENT",
    "NO_EVENT_LOOP",
    "NO_ROW_FILTERS",
    "NULLS_NOT_DISTINCT",
    "RUN_AGAIN",
    "TRAVELS_AS_TEXT",
    "AsyncCursor",
    "AsyncDatabase",
    "AsyncLease",
    "AsyncPipeline",
    "Cancel",
    "Cursor",
    "Database",
    "Lease",
    "LoadReport",
    "Notification",
    "ObjectFactory",
    "Pipeline",
    "PipelineResult",
    "Progress",
    "Reader",
    "Stats",
    "TupleFactory",
    "attach_collections",
    "create_statements",
    "dirty_columns",
    "drop_staging",
    "identifier",
    "is_builtin_type",
    "is_read_only",
    "json_texts",
    "object_name",
    "pivot_dicts",
    "qualified_name",
    "render",
    "snapshot",
    "staging",
]

IS_DEFERRABLE: Final[str]
IS_ORDINARY_TABLE: Final[str]
TRAVELS_AS_TEXT: Final[str]
KEYS_STORED_AS_SENT: Final[str]
NO_EVENT_LOOP: Final[str]
NULLS_NOT_DISTINCT: Final[str]
RUN_AGAIN: Final[str]
NO_ROW_FILTERS: Final[str]

# From the names of columns to what makes an object of the values of one row.
_Binder: TypeAlias = Callable[[tuple[str, ...]], Callable[..., object] | ObjectFactory | TupleFactory]

@final
class Progress:
    """How far a load or a read is.

    Attributes:
        rows: Rows sent or received so far.
        bytes: Bytes of them.
        total_rows: All rows, where that is known.
        seconds: Seconds since the beginning.
        finished: Whether that was all.
    """

    @property
    def rows(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def total_rows(self) -> int | None: ...
    @property
    def seconds(self) -> float: ...
    @property
    def finished(self) -> bool: ...

@final
class LoadReport:
    """What a load did.

    Attributes:
        rows: Rows the server stored.
        inserted: Of them new.
        updated: Of them there before.
        bytes: Bytes of COPY sent.
        seconds: Seconds from the call to the commit.
        ids: Generated keys in input order, where they were asked for.
        rejected: Rows turned away, where that was asked for.
    """

    def __new__(cls, inserted: int, updated: int, bytes: int, seconds: float) -> Self: ...  # noqa: A002
    @property
    def rows(self) -> int: ...
    @property
    def inserted(self) -> int: ...
    @property
    def updated(self) -> int: ...
    @property
    def bytes(self) -> int: ...
    @property
    def seconds(self) -> float: ...
    @property
    def ids(self) -> list[Any] | None: ...
    @property
    def rejected(self) -> object | None: ...

@final
class Cancel:
    """Stops, from another thread, what runs with it."""

    def __new__(cls) -> Self: ...
    def cancel(self) -> None: ...

@final
class ObjectFactory:
    """Makes objects of tables out of rows: their classes, columns, keys, places and members, part by part."""

    def __new__(cls, parts: list[tuple[Any, ...]]) -> Self: ...

@final
class TupleFactory:
    """Makes tuples out of rows, with members of Enum classes by the places of columns."""

    def __new__(cls, members: Mapping[int, Any]) -> Self: ...

def dirty_columns(values: dict[str, Any], names: tuple[str, ...], noted: tuple[Any, ...]) -> list[int]: ...
def pivot_dicts(rows: list[Any], names: tuple[str, ...]) -> list[list[Any]] | None: ...
def create_statements(tables: list[dict[str, Any]], *, locked: bool = False) -> list[str]: ...
def drop_staging(name: str) -> str: ...
def attach_collections(
    rows: list[Any],
    owners: dict[Any, list[Any]],
    of: str,
    attribute: str,
    *,
    extra: str | None = None,
    back: str | None = None,
    single: bool = False,
) -> None: ...
def identifier(name: str) -> str: ...
def is_builtin_type(name: str) -> bool: ...
def qualified_name(parts: list[str]) -> str: ...
def json_texts(values: list[Any]) -> list[str | None] | None: ...
def object_name(table: str, about: str, label: str) -> str: ...
def render(statement: dict[str, Any]) -> tuple[str, tuple[object, ...]]: ...
def snapshot(values: dict[str, Any], names: tuple[str, ...]) -> tuple[Any, ...]: ...
def is_read_only(sql: str) -> bool: ...
def staging(
    name: str, model: Sequence[str], columns: Sequence[str], order: str, types: Sequence[tuple[str, str]]
) -> list[str]: ...

@final
class Reader:
    """A query's result as a stream of record batches."""

    @property
    def schema(self) -> Schema: ...
    def __iter__(self) -> Self: ...
    def __next__(self) -> RecordBatch: ...
    def __arrow_c_schema__(self) -> object: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def take_error(self) -> BaseException | None: ...
    def close(self) -> None: ...

@final
class Stats:
    """What a pool does now, and has done so far.

    Attributes:
        size: Connections that are open.
        idle: Of them nobody's.
        busy: Of them somebody's.
        waiting: Callers that wait for one.
        max_size: The most connections that are open at a time.
        opened: Connections opened so far.
        closed: Connections closed so far.
        acquired: Times that a connection was given to a caller so far.
        pipelined: Reads that were sent behind those of others on a connection so far; 0 without `multiplex`.
    """

    @property
    def size(self) -> int: ...
    @property
    def idle(self) -> int: ...
    @property
    def busy(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def max_size(self) -> int: ...
    @property
    def opened(self) -> int: ...
    @property
    def closed(self) -> int: ...
    @property
    def acquired(self) -> int: ...
    @property
    def pipelined(self) -> int: ...

@final
class Notification:
    """What NOTIFY sent.

    Attributes:
        channel: The channel.
        payload: The text that came with it; empty if none did.
        pid: The process that sent it, as pg_stat_activity numbers them.
    """

    @property
    def channel(self) -> str: ...
    @property
    def payload(self) -> str: ...
    @property
    def pid(self) -> int: ...

@final
class Database:
    """A pool of connections to one database, and what is done with them; its calls block."""

    def __new__(
        cls,
        url: str | None,
        *,
        min_size: int,
        max_size: int,
        acquire_timeout_s: float,
        connect_timeout_s: float,
        statement_timeout_s: float | None,
        max_idle_s: float,
        max_lifetime_s: float,
        statement_cache_size: int,
        busy_wait_s: float,
        json_decimals: bool,
        application_name: str,
        password: str | None,
        hooks: object | None,
        reset: str | None,
    ) -> Self: ...
    def close(self) -> None: ...
    @property
    def location(self) -> str: ...
    def stats(self) -> Stats: ...
    def lease(self) -> Lease: ...
    def execute(self, sql: str, params: tuple[object, ...], lease: Lease | None) -> int: ...
    def execute_many(self, sql: str, rows: Iterable[Sequence[object]], lease: Lease | None) -> int: ...
    def fetch(self, sql: str, params: tuple[object, ...], into: _Binder | None, lease: Lease | None) -> list[Any]: ...
    def fetch_one(self, sql: str, params: tuple[object, ...], into: _Binder | None, lease: Lease | None) -> Any: ...
    def fetch_value(self, sql: str, params: tuple[object, ...], lease: Lease | None) -> Any: ...
    def stream(
        self,
        sql: str,
        params: tuple[object, ...],
        batch_rows: int,
        into: _Binder | None,
        lease: Lease | None,
    ) -> Cursor: ...
    def load(
        self,
        table: str,
        data: object,
        mode: str,
        key: list[str],
        columns: Mapping[str, str] | None,
        progress: Callable[[Progress], None] | None = None,
        cancel: Cancel | None = None,
        lease: Lease | None = None,
    ) -> LoadReport: ...
    def read(
        self,
        source: str,
        params: tuple[object, ...],
        batch_rows: int,
        types: Mapping[str, Any] | None,
        out_of_range: str,
        progress: Callable[[Progress], None] | None = None,
        cancel: Cancel | None = None,
        lease: Lease | None = None,
    ) -> Reader: ...

@final
class Lease:
    """A connection of the pool that is one caller's own, for a transaction or to listen."""

    def begin(self, isolation: str | None, readonly: bool, deferrable: bool) -> None: ...
    def commit(self) -> None: ...
    def rollback(self, interrupted: bool = False) -> None: ...
    def savepoint(self, depth: int) -> None: ...
    def release_savepoint(self, depth: int) -> None: ...
    def rollback_savepoint(self, depth: int, interrupted: bool = False) -> None: ...
    def pipeline(self, each: bool) -> Pipeline: ...
    def listen(self, channels: list[str]) -> None: ...
    def notification(self) -> Notification: ...
    def reset(self) -> None: ...
    def note_set_up(self) -> None: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def in_transaction(self) -> bool: ...
    def parameter(self, name: str) -> str | None: ...
    def close(self) -> None: ...

@final
class Cursor:
    """A query's rows as the server keeps them, given in batches."""

    def rows(self) -> list[Any]: ...
    def close(self) -> None: ...

@final
class PipelineResult:
    """The result of a statement in a pipeline, once it is there."""

    def done(self) -> bool: ...
    def get(self) -> Any: ...

@final
class Pipeline:
    """Statements that are sent on one connection without waiting for each other's answers."""

    def execute(self, sql: str, params: tuple[object, ...]) -> PipelineResult: ...
    def fetch(self, sql: str, params: tuple[object, ...], into: _Binder | None) -> PipelineResult: ...
    def fetch_one(self, sql: str, params: tuple[object, ...], into: _Binder | None) -> PipelineResult: ...
    def fetch_value(self, sql: str, params: tuple[object, ...]) -> PipelineResult: ...
    def step(self) -> bool: ...
    def is_under_way(self) -> bool: ...
    def has_begun(self) -> bool: ...
    def failure(self) -> BaseException | None: ...
    def close(self) -> None: ...

@final
class AsyncDatabase:
    """Database's twin for asyncio: what takes time is awaited, but for `load` and `read`, which block."""

    def __new__(
        cls,
        url: str | None,
        *,
        min_size: int,
        max_size: int,
        acquire_timeout_s: float,
        connect_timeout_s: float,
        statement_timeout_s: float | None,
        max_idle_s: float,
        max_lifetime_s: float,
        statement_cache_size: int,
        busy_wait_s: float,
        multiplex: bool,
        json_decimals: bool,
        application_name: str,
        password: str | None,
        hooks: object | None,
        reset: str | None,
    ) -> Self: ...
    def close(self) -> None: ...
    @property
    def location(self) -> str: ...
    def stats(self) -> Stats: ...
    def lease(self) -> Awaitable[AsyncLease]: ...
    def execute(self, sql: str, params: tuple[object, ...], lease: AsyncLease | None) -> Awaitable[int]: ...
    def execute_many(self, sql: str, rows: Iterable[Sequence[object]], lease: AsyncLease | None) -> Awaitable[int]: ...
    def fetch(
        self, sql: str, params: tuple[object, ...], into: _Binder | None, lease: AsyncLease | None
    ) -> Awaitable[list[Any]]: ...
    def fetch_one(
        self, sql: str, params: tuple[object, ...], into: _Binder | None, lease: AsyncLease | None
    ) -> Awaitable[Any]: ...
    def fetch_value(self, sql: str, params: tuple[object, ...], lease: AsyncLease | None) -> Awaitable[Any]: ...
    def stream(
        self,
        sql: str,
        params: tuple[object, ...],
        batch_rows: int,
        into: _Binder | None,
        lease: AsyncLease | None,
    ) -> Awaitable[AsyncCursor]: ...
    def load(
        self,
        table: str,
        data: object,
        mode: str,
        key: list[str],
        columns: Mapping[str, str] | None,
        progress: Callable[[Progress], None] | None = None,
        cancel: Cancel | None = None,
        lease: AsyncLease | None = None,
    ) -> LoadReport: ...
    def read(
        self,
        source: str,
        params: tuple[object, ...],
        batch_rows: int,
        types: Mapping[str, Any] | None,
        out_of_range: str,
        progress: Callable[[Progress], None] | None = None,
        cancel: Cancel | None = None,
        lease: AsyncLease | None = None,
    ) -> Reader: ...

@final
class AsyncLease:
    """Lease's twin for asyncio."""

    def begin(self, isolation: str | None, readonly: bool, deferrable: bool) -> Awaitable[None]: ...
    def commit(self) -> Awaitable[None]: ...
    def rollback(self, interrupted: bool = False) -> Awaitable[None]: ...
    def savepoint(self, depth: int) -> Awaitable[None]: ...
    def release_savepoint(self, depth: int) -> Awaitable[None]: ...
    def rollback_savepoint(self, depth: int, interrupted: bool = False) -> Awaitable[None]: ...
    def pipeline(self, each: bool) -> Awaitable[AsyncPipeline]: ...
    def listen(self, channels: list[str]) -> Awaitable[None]: ...
    def notification(self) -> Awaitable[Notification | None]: ...
    def reset(self) -> Awaitable[None]: ...
    def note_set_up(self) -> None: ...
    @property
    def pid(self) -> int | None: ...
    @property
    def in_transaction(self) -> bool: ...
    def parameter(self, name: str) -> str | None: ...
    def close(self) -> None: ...

@final
class AsyncCursor:
    """Cursor's twin for asyncio."""

    def rows(self) -> Awaitable[list[Any]]: ...
    def close(self) -> None: ...

@final
class AsyncPipeline:
    """Pipeline's twin for asyncio."""

    def execute(self, sql: str, params: tuple[object, ...]) -> PipelineResult: ...
    def fetch(self, sql: str, params: tuple[object, ...], into: _Binder | None) -> PipelineResult: ...
    def fetch_one(self, sql: str, params: tuple[object, ...], into: _Binder | None) -> PipelineResult: ...
    def fetch_value(self, sql: str, params: tuple[object, ...]) -> PipelineResult: ...
    def step(self) -> Awaitable[bool]: ...
    def is_under_way(self) -> bool: ...
    def has_begun(self) -> bool: ...
    def failure(self) -> BaseException | None: ...
    def close(self) -> None: ...
