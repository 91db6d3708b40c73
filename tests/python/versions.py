"""Servers of more than one version, for differences between them."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.conftest import Sql

VERSIONS = ["newest", "15"]
# Where Debian's package postgresql-15 has its programs.
OLD = Path("/usr/lib/postgresql/15/bin")


@contextlib.contextmanager
def server_of(version: str) -> Iterator[embedded.Server]:
    """Start a server of one of the versions; a test that wants one that is not installed is skipped."""
    with pytest.MonkeyPatch.context() as patch:
        if version == "15":
            if not OLD.is_dir():
                pytest.skip(f"there is no {OLD}")
            patch.setenv(embedded.PROGRAMS, str(OLD))
        with embedded.server(settings={"fsync": "off"}) as started:
            yield started


def since(version: int, server: embedded.Server) -> None:
    """Skip a test of what a version of PostgreSQL brought where the server is older."""
    own = int((server.path / "PG_VERSION").read_text("ascii"))
    if own < version:
        pytest.skip(f"PostgreSQL {own} has not what {version} brought")


def extensions(sql: Sql) -> set[str]:
    """Give the names of the extensions that the server could make."""
    return {name for (name,) in sql("SELECT name::text FROM pg_available_extensions")}


def wants(extension: str, sql: Sql) -> None:
    """Skip a test of an extension that the server's packager left out."""
    if extension not in extensions(sql):
        pytest.skip(f"this PostgreSQL has no {extension}")


def fitting(script: str, sql: Sql) -> str:
    """Leave out the lines that a server cannot run.

    They end in a comment: `-- since 18` where the server is older, `-- of citext` where it lacks that extension.
    """
    ((version,),) = sql("SELECT current_setting('server_version_num')::int / 10000")
    there = extensions(sql)

    def fits(line: str) -> bool:
        mark = re.search(r" -- (?:since (\d+)|of (\w+))$", line)
        return mark is None or (int(mark[1]) <= version if mark[1] else mark[2] in there)

    return "\n".join(filter(fits, script.splitlines()))
