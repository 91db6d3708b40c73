"""Starts PgBouncer in transaction mode, in front of a server, for a test session."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Debian puts it where only root's PATH leads.
PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")
PATIENCE_S = 20.0
LOOPBACK = "127.0.0.1"

# https://www.pgbouncer.org/config.html
# Two connections to the server, so that the callers of more than two have to share them. What later versions do for
# prepared statements is off, as it is in versions before 1.21.
CONFIGURATION = """
[databases]
* = host={host} port={server_port} user={user}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
max_client_conn = 200
ignore_startup_parameters = {ignored}
server_reset_query = DISCARD ALL
server_reset_query_always = 0
{more}
"""

IGNORED = ("extra_float_digits", "options", "statement_timeout")


@contextmanager
def pgbouncer(server_url: str, ignored: Sequence[str] = IGNORED) -> Iterator[str]:
    """Run PgBouncer in front of a server until the end of a block.

    It refuses to run as root; then it runs as nobody, as `howdah.embedded` does.

    Args:
        server_url: The server, as `howdah.embedded` gives it.
        ignored: The parameters at the start that it does not refuse, though it does not know them.

    Yields:
        The URL of the same database through PgBouncer.
    """
    if PROGRAM is None:
        message = "there is no pgbouncer to be found"
        raise FileNotFoundError(message)
    where = urlsplit(server_url)
    # Its `hostname` is in small letters, and a folder's name need not be.
    host = unquote(where.netloc.rpartition("@")[2].rpartition(":")[0])
    home = Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    port = _free_port()
    more = "max_prepared_statements = 0" if _version() >= (1, 21) else ""
    settings = CONFIGURATION.format(
        host=host, user=where.username, server_port=where.port, port=port, more=more, ignored=",".join(ignored)
    )
    (home / "pgbouncer.ini").write_text(settings, "utf-8")
    process = _start(PROGRAM, home)
    try:
        _wait_until_ready(process, port, home)
        yield f"postgresql://{where.username}@{LOOPBACK}:{port}{where.path}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
        shutil.rmtree(home, ignore_errors=True)


def _start(program: str, home: Path) -> subprocess.Popen[bytes]:
    user = None
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(home, user.pw_uid, user.pw_gid)
        (home / "pgbouncer.ini").chmod(0o644)
    with (home / "log").open("wb") as log:
        return subprocess.Popen(
            [program, home / "pgbouncer.ini"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=None if user is None else [],
        )


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, home: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with socket.create_connection((LOOPBACK, port), timeout=1.0):
                return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                said = (home / "log").read_text("utf-8", "replace")
                message = f"pgbouncer does not start: {said}"
                raise RuntimeError(message) from error
        time.sleep(0.02)


def _version() -> tuple[int, ...]:
    told = subprocess.run([PROGRAM or "", "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in told.split()[1].split(".")[:2])


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port: int = listener.getsockname()[1]
        return port
