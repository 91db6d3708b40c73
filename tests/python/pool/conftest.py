"""What these tests share is in tests/python/pool/faces.py."""

from __future__ import annotations

from tests.python.pool.faces import (
    app,
    db,
    face,
    kill,
    loop_kind,
    one,
    opened,
    opened_async,
    pytest_pyfunc_call,
    restarting,
    sessions,
)

__all__ = [
    "app",
    "db",
    "face",
    "kill",
    "loop_kind",
    "one",
    "opened",
    "opened_async",
    "pytest_pyfunc_call",
    "restarting",
    "sessions",
]
