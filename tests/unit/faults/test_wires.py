"""What faults say to servers, and how they read the answers: bytes in, values out."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from typing import TYPE_CHECKING

import pytest
from incidentops_faults import amqp, credstore, netlink, pgwire, resp
from incidentops_faults.effects.rabbit_watermark import TERM
from incidentops_faults.errors import FaultError
from incidentops_faults.kinds.base import Order
from incidentops_faults.kinds.dns import asks_for_all, name_servers
from incidentops_faults.kinds.pg_lock import PgLock
from incidentops_faults.kinds.pg_slow import PgSlow
from incidentops_faults.services import Target
from samples import spec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_names_and_texts_of_sql_end_where_they_should() -> None:
    assert pgwire.quoted("public.jobs") == '"public"."jobs"'
    assert pgwire.quoted('jo"bs; drop') == '"jo""bs; drop"'
    assert pgwire.literal("it's") == "'it''s'"


def test_no_function_of_a_databases_owner_is_found_by_its_superuser(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / ".s.PGSQL.5432"))
        server.listen()
        here = pgwire.Server(str(tmp_path), 5432, os.geteuid(), os.getegid())

        def answer() -> None:
            with server.accept()[0] as client:
                heard.append(client.recv(1000))

        heard: list[bytes] = []
        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(pgwire.GoneError):
            here.session("test")
        thread.join()
    assert b"options\0-c search_path=pg_catalog\0" in heard[0]


@pytest.mark.parametrize(("given", "wanted"), [("jobs", '"public"."jobs"'), ("other.jobs", '"other"."jobs"')])
def test_tables_are_named_with_their_schema_and_never_read(
    monkeypatch: pytest.MonkeyPatch, given: str, wanted: str
) -> None:
    """Who reads a view as a superuser runs its owner's functions."""
    asked: list[str] = []

    class Fake:
        def query(self, text: str, timeout: float = 10) -> pgwire.Rows:
            asked.append(text)
            if wanted in text:
                raise pgwire.PgError({"C": pgwire.LOCK_TIMEOUT})
            return []

        def close(self) -> None: ...

    values: dict[str, str | int | float | bool] = {"table": given, "database": "x", "delay": 100}
    order = Order("0" * 8, Target(spec("postgres"), "postgresql@17-main.service"), values)
    for kind in (PgLock, PgSlow):
        made = kind(order)
        monkeypatch.setattr(kind, "look", lambda _: Fake())
        with contextlib.suppress(FaultError):
            made.verify()
        assert f"lock table {wanted} in access share mode" in asked[-1]
        assert not any("select" in text or text.startswith("table") for text in asked)


def test_rows_and_errors_of_postgres() -> None:
    body = struct.pack("!Hi2si", 2, 2, b"ab", -1)
    assert pgwire.row(body) == ("ab", None)
    assert pgwire.fields(b"VERROR\0C55P03\0Mno lock\0\0") == {"V": "ERROR", "C": "55P03", "M": "no lock"}
    assert pgwire.PgError({"C": "53300", "M": "full"}).code == "53300"


def test_a_command_of_redis() -> None:
    assert resp.command("GET", "kéy") == "*2\r\n$3\r\nGET\r\n$4\r\nkéy\r\n".encode()


@pytest.fixture
def redis() -> Iterator[tuple[resp.Redis, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = resp.Redis("127.0.0.1", server.getsockname()[1], "", patience=2)
        peer, _ = server.accept()
        with peer, made:
            yield made, peer


def test_replies_of_redis(redis: tuple[resp.Redis, socket.socket]) -> None:
    client, peer = redis
    for raw, reply in (
        (b"+PONG\r\n", "PONG"),
        (b":-7\r\n", -7),
        (b"$-1\r\n", None),
        (b"$4\r\na\r\nb\r\n", "a\r\nb"),
        (b"*2\r\n$1\r\nx\r\n*0\r\n", ["x", []]),
    ):
        peer.sendall(raw)
        assert client.call("ANY") == reply
    peer.sendall(b"-OOM no memory\r\n")
    with pytest.raises(resp.RedisError, match="^OOM no memory$"):
        client.call("SET")
    peer.sendall(b"*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$0\r\n\r\n")
    assert client.settings("*") == {"a": "1", "b": ""}


def test_replies_that_have_come_by_now(redis: tuple[resp.Redis, socket.socket]) -> None:
    client, peer = redis
    assert client.arrived() == 0
    threading.Timer(0.05, peer.sendall, (b"+OK\r\n+OK\r\n+O",)).start()
    counted = 0
    while counted < 2:
        counted += client.arrived()
    peer.sendall(b"K\r\n")
    while counted < 3:
        counted += client.arrived()
    peer.close()
    with pytest.raises(resp.GoneError):
        client.call("PING")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(resp.GoneError, match="takes no connection"):
        resp.Redis("127.0.0.1", port, "")
    with pytest.raises(amqp.GoneError, match="takes no connection"):
        amqp.Broker(amqp.Login("127.0.0.1", port, "a", "b"))


def test_tables_of_amqp() -> None:
    assert amqp.table({}) == b"\0\0\0\0"
    assert amqp.table({"a": True, "b": 1, "c": {"d": "x"}}) == (
        b"\0\0\0\x1e\x01at\x01\x01bl\0\0\0\0\0\0\0\x01\x01cF\0\0\0\x08\x01dS\0\0\0\x01x"
    )


def test_a_login_is_the_credential_or_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credstore, "FOLDERS", (tmp_path,))
    assert amqp.Login.find("h", 1, "") == amqp.Login("h", 1, "guest", "guest", "/")
    (tmp_path / "c").write_text("amqp://me:p%40ss@127.0.0.1:5673/%2Fv\n")
    assert amqp.Login.find("h", 1, "c") == amqp.Login("127.0.0.1", 5673, "me", "p@ss", "/v")
    (tmp_path / "c").write_text("amqp://me:p@127.0.0.1:notaport/")
    with pytest.raises(FaultError, match="'c' is no amqp:// URL"):
        amqp.Login.find("h", 1, "c")
    (tmp_path / "c").write_text("http://me:p@127.0.0.1/")
    with pytest.raises(FaultError, match="'c' is no amqp:// URL"):
        amqp.Login.find("h", 1, "c")


@pytest.mark.parametrize("term", ["0.6", "0", "{absolute,10000000}", "{relative,0.6}", "1.0e-4"])
def test_limits_of_memory_that_can_be_put_back(term: str) -> None:
    assert TERM.fullmatch(term)


@pytest.mark.parametrize("term", ["", "infinity", '{absolute,"2GB"}', "0.6). halt().", "{absolute,1},x"])
def test_limits_of_memory_that_cannot(term: str) -> None:
    assert not TERM.fullmatch(term)


def test_who_resolves_names() -> None:
    assert asks_for_all("passwd: files\nhosts: files dns # resolve\n") == ""
    assert asks_for_all("hosts:  mymachines resolve [!UNAVAIL=return] files dns\n") == "systemd-resolved"
    assert name_servers("# nameserver 1\nnameserver 10.0.0.1\nsearch x\nnameserver ::1\nnameserver\n") == [
        "10.0.0.1",
        "::1",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="the kernel answers nobody but root")
def test_the_kernel_is_asked_for_a_discipline_that_nobody_has() -> None:
    assert not netlink.has_qdisc("nobodyhasthis")
