"""The Rust core. Use it through `howdah.Database`."""

from collections.abc import Callable, Mapping
from typing import Any, Self, final

from arro3.core import RecordBatch, Schema

__all__ = ["Cancel", "Database", "LoadReport", "Progress", "Reader"]

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
class Database:
    """A pool of connections to one database, and what is done with them."""

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
        application_name: str,
    ) -> Self: ...
    def close(self) -> None: ...
    def execute(self, sql: str, params: tuple[object, ...], cancel: Cancel | None = None) -> int: ...
    def load(
        self,
        table: str,
        data: object,
        mode: str,
        key: list[str],
        columns: Mapping[str, str] | None,
        progress: Callable[[Progress], None] | None = None,
        cancel: Cancel | None = None,
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
    ) -> Reader: ...
