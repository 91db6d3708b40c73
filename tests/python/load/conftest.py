"""A load that must be refused, and must not change its table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    import howdah
    from tests.python.conftest import Sql


class Refused(Protocol):
    """Loads what must be refused with exactly this class of error, and gives the error."""

    def __call__(
        self,
        kind: type[howdah.Error],
        data: Any,
        /,
        *,
        column: str | None = None,
        row: int | None = None,
        says: tuple[str, ...] = (),
        **options: Any,
    ) -> howdah.Error:
        """Load into `t`; a place that is None is not compared."""


@pytest.fixture
def refused(db: howdah.Database, sql: Sql) -> Refused:
    """Give the check that a load into `t` is refused, at which place, and that `t` is as it was."""

    def check(
        kind: type[howdah.Error],
        data: Any,
        /,
        *,
        column: str | None = None,
        row: int | None = None,
        says: tuple[str, ...] = (),
        **options: Any,
    ) -> howdah.Error:
        before = sql("SELECT t.ctid, t.xmin::text, t::text FROM t ORDER BY ctid")
        with pytest.raises(kind) as caught:
            db.load("t", data, **options)
        assert type(caught.value) is kind
        if column is not None:
            assert getattr(caught.value, "column", None) == column
        if row is not None:
            assert getattr(caught.value, "row", None) == row
        for part in says:
            assert part in str(caught.value)
        assert sql("SELECT t.ctid, t.xmin::text, t::text FROM t ORDER BY ctid") == before
        return caught.value

    return check
