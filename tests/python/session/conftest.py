"""Servers for the session tests, and a way to wait without measuring time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_S = 30.0


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], object]], None]:
    """Give a wait for something that comes true; a test fails when it does not."""

    def wait(happened: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not happened():
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.02)

    return wait


@pytest.fixture(scope="module")
def tcp_server() -> Iterator[embedded.Server]:
    """Give a server that listens on TCP, too."""
    with embedded.server(tcp=True, settings={"fsync": "off"}) as started:
        yield started
