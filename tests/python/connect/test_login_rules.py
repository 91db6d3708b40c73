"""The methods of a login: `require_auth`, `requirepeer`, `sslcertmode`, SCRAM, compared with libpq."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import subprocess
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

import howdah
from tests.python.connect.conftest import ANY, PASSWORD, TLS_ALONE, USER, by_libpq, connected, refusal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.python.connect.conftest import Guarded

TRUST = "host all all 127.0.0.1/32 trust"
CLEARTEXT = "host all all 127.0.0.1/32 password"
MD5 = "host all all 127.0.0.1/32 md5"
RULES = {"scram-sha-256": ANY, "password": CLEARTEXT, "none": TRUST, "md5": MD5}
REQUIRED = ("scram-sha-256", "password", "md5", "none", "scram-sha-256,none", "!password", "!none", "!md5,!password")
# More rounds than older versions of howdah took.
ITERATIONS = 150_000
# A second's work, or a few.
MANY_ITERATIONS = 3_000_000


@pytest.fixture(scope="module")
def _hashed(guarded_server: Guarded) -> None:
    guarded_server.run("SET password_encryption = 'md5'", f"CREATE ROLE hashed LOGIN PASSWORD '{PASSWORD}'")


@pytest.mark.usefixtures("_hashed")
@pytest.mark.parametrize("method", RULES)
@pytest.mark.parametrize("required", REQUIRED)
def test_required_auth_is_as_libpq_has_it(guarded: Guarded, method: str, required: str) -> None:
    guarded.guard("good", RULES[method])
    url = guarded.url(sslmode="require", require_auth=required, user="hashed" if method == "md5" else USER)
    expected = by_libpq(url)
    if expected == "refused":
        assert f"require_auth={required}" in refusal(url)
    else:
        assert connected(url) == expected


@pytest.mark.parametrize(
    "required", ["md5,!none", "!none,md5", "md5,md5", "md5, none", "MD5", "md5,", "!", "cert", "!!md5"]
)
def test_required_auth_of_a_bad_list_is_refused(guarded: Guarded, required: str) -> None:
    url = guarded.url(sslmode="require", require_auth=required)
    assert by_libpq(url) == "refused"
    assert refusal(url, howdah.InterfaceError).startswith("require_auth: expected ")


def test_required_auth_of_the_environment_is_kept_to(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    guarded.guard("good", TRUST)
    monkeypatch.setenv("PGREQUIREAUTH", "scram-sha-256")
    url = guarded.url(sslmode="require")
    assert by_libpq(url) == "refused"
    assert "require_auth=scram-sha-256" in refusal(url)


@pytest.mark.parametrize("mode", ["require", "disable", "prefer"])
@pytest.mark.parametrize("kind", ["ours", "unshown", "none"])
def test_sslcertmode_require_is_as_libpq_has_it(guarded: Guarded, mode: str, kind: str) -> None:
    guarded.guard("good" if kind != "none" else None, ANY)
    alice = guarded.authorities.alice
    shown = {"sslcert": alice.certificate, "sslkey": alice.key} if kind == "ours" else {}
    url = guarded.url(shown, sslmode=mode, sslcertmode="require")
    expected = by_libpq(url)
    assert expected == ("TLS" if kind == "ours" and mode != "disable" else "refused")
    if expected == "refused":
        refusal(url)
    else:
        assert connected(url) == expected


def test_requirepeer_of_the_servers_user_is_connected_to(guarded: Guarded) -> None:
    owner, other = guarded.owner, "daemon" if guarded.owner != "daemon" else "bin"
    assert by_libpq(guarded.admin(requirepeer=owner)) == connected(guarded.admin(requirepeer=owner)) == "plain"
    assert by_libpq(guarded.admin(requirepeer=other)) == "refused"
    told = refusal(guarded.admin(requirepeer=other))
    assert f"requirepeer={other}" in told
    assert owner in told
    # It says nothing of TCP, as in libpq.
    url = guarded.url(sslmode="require", requirepeer=other)
    assert by_libpq(url) == connected(url) == "TLS"


def keys(guarded: Guarded, password: str = PASSWORD) -> dict[str, str]:
    """Derive the keys of a password, as the server has salted it."""
    with psycopg.connect(guarded.admin()) as connection:
        row = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (USER,)).fetchone()
    assert row is not None
    iterations, salt = row[0].split("$")[1].split(":")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    return {
        f"scram_{side.lower()}_key": base64.b64encode(hmac.digest(salted, f"{side} Key".encode(), "sha256")).decode()
        for side in ("Client", "Server")
    }


@pytest.mark.parametrize("mode", ["require", "disable"])
def test_scram_keys_log_in_without_a_password(guarded: Guarded, mode: str) -> None:
    guarded.guard("good", ANY)
    url = guarded.url(keys(guarded), password=None, sslmode=mode)
    assert by_libpq(url) == connected(url) != "refused"
    wrong = guarded.url(keys(guarded, "another"), password=None, sslmode=mode)
    assert by_libpq(wrong) == "refused"
    refusal(wrong)


def test_scram_server_key_of_another_password_is_refused(guarded: Guarded) -> None:
    guarded.guard("good", ANY)
    mixed = {**keys(guarded), "scram_server_key": keys(guarded, "another")["scram_server_key"]}
    url = guarded.url(mixed, password=None, sslmode="require")
    assert by_libpq(url) == "refused"
    assert "does not know the password" in refusal(url)


@pytest.mark.parametrize(
    "given", [{"scram_client_key": "abc"}, {"scram_client_key": "YWJj"}, {"scram_client_key": "A" * 43 + "="}]
)
def test_scram_keys_that_are_none_are_refused(guarded: Guarded, given: dict[str, str]) -> None:
    url = guarded.url(given, sslmode="require")
    told = refusal(url, howdah.InterfaceError)
    assert "scram_client_key" in told
    assert all(value not in told for value in given.values())


@pytest.fixture(scope="module")
def _iterations(guarded_server: Guarded) -> None:
    for name, count in (("slow", ITERATIONS), ("slower", MANY_ITERATIONS)):
        guarded_server.run(f"SET scram_iterations = {count}", f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")


@pytest.mark.usefixtures("_iterations")
@pytest.mark.parametrize("mode", ["require", "disable"])
def test_login_with_many_iterations_is_as_libpq_has_it(guarded: Guarded, mode: str) -> None:
    guarded.guard("good", ANY)
    url = guarded.url(sslmode=mode, user="slow")
    assert by_libpq(url) == connected(url) != "refused"
    with pytest.raises(howdah.OperationalError, match="password authentication failed"):
        connected(guarded.url(sslmode=mode, user="slow", password="another"))  # noqa: S106


@pytest.mark.usefixtures("_iterations")
def test_login_with_many_iterations_lets_the_event_loop_run(guarded: Guarded) -> None:
    guarded.guard("good", ANY)
    url = guarded.url(sslmode="disable", user="slower")

    async def body() -> tuple[int, float]:
        turns, begun = 0, time.monotonic()
        async with howdah.AsyncDatabase(url, connect_timeout_s=120) as db:
            connecting = asyncio.ensure_future(db.fetch_value("SELECT 1"))
            while not connecting.done():
                await asyncio.sleep(0.005)
                turns += 1
            assert connecting.result() == 1
        return turns, time.monotonic() - begun

    turns, seconds = asyncio.run(body())
    # A loop that computes the proof itself turns once or twice.
    assert turns > 20, f"{turns} turns in {seconds:.1f} s"


def test_revocation_lists_of_a_directory_are_as_openssl_has_them(guarded: Guarded, tmp_path: Path) -> None:
    guarded.guard("good", TLS_ALONE)
    root = guarded.authorities.root
    for name, serials in (("revoked", [guarded.authorities.serial]), ("unrevoked", [])):
        folder = tmp_path / name
        folder.mkdir()
        made = folder / "list.crl"
        made.write_bytes(guarded.authorities.revocations(serials))
        digest = subprocess.run(
            ["openssl", "crl", "-in", made, "-hash", "-noout"],  # noqa: S607
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        url = guarded.url(sslmode="verify-ca", sslrootcert=root, sslcrldir=folder)
        # OpenSSL does not look at a file of another name, and then no list is there.
        assert by_libpq(url) == "refused"
        assert "sslcrldir" in refusal(url, howdah.InterfaceError)
        made.rename(folder / f"{digest}.r0")
        expected = "refused" if serials else "TLS"
        assert by_libpq(url) == expected
        if serials:
            assert "revoked" in refusal(url)
        else:
            assert connected(url) == "TLS"
