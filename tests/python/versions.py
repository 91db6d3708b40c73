"""Servers of more than one version, for what they do differently."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

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
