"""Channels over loopback, and couriers that try again, give up, go on after a restart, and tell no secret."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import shutil
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.ntfy import NotifyNtfy
from apprise.plugins.telegram import NotifyTelegram
from botocore.stub import Stubber
from tests.aws.conformance import watching

from tapeline.alerts.alert_records import Alert
from tapeline.alerts.apprise_channel import AppriseChannel
from tapeline.alerts.delivery import GIVE_UP, LONGEST_WAIT, Courier, Couriers, Log, body, subject
from tapeline.alerts.journal import Journal
from tapeline.alerts.mail import Mail
from tapeline.alerts.webhook import Webhook, url_fault
from tapeline.backends.aws.sns import Sns
from tapeline.core.times import DAY, HOUR
from tapeline.errors import DeliveryError, StorageError

AT = 1_700_000_000_000
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alerts"


def alert(n: int = 0, **values: Any) -> Alert:
    plain = {
        "key": f"key{n}", "rule": "rsi_14 < 30", "symbol": f"S{n:02d}", "timestamp": 1_549_895_400_000, "at": AT,
        "text": "rsi_14 29.2, price 170.97", "price": 170.97,
    }  # fmt: skip
    return Alert(**(plain | values))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with contextlib.closing(Journal(tmp_path / "alerts.db", create=True)) as found:
        yield found


# -- channels --------------------------------------------------------------------------------------------------------


class Hook(http.server.BaseHTTPRequestHandler):
    """Answers with `statuses`, the last one for ever; keeps what was posted."""

    statuses: list[int]
    posted: list[tuple[str, Any]]

    def do_POST(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.posted.append((self.path, json.loads(data)))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        self.send_response(status)
        self.send_header("Retry-After", "7")
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def served(server: socketserver.BaseServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def hook(*statuses: int) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    handler = type("Own", (Hook,), {"statuses": list(statuses), "posted": []})
    with served(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)) as port:
        yield f"http://127.0.0.1:{port}/services/T0/SECRET?x=1", handler.posted


@contextlib.contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve connections with `talk`, each in a thread, and yield the port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self.request.recv(65536)
                talk(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with served(Server(("127.0.0.1", 0), Handler)) as port:
        yield port


def test_a_webhook_gets_one_message_in_slacks_json() -> None:
    with hook(200) as (url, posted):
        Webhook(url).send([alert(0), alert(1)])
    [(path, document)] = posted
    assert path == "/services/T0/SECRET?x=1"
    assert document == {
        "text": "S00: rsi_14 &lt; 30: rsi_14 29.2, price 170.97 (bar of 2019-02-11 14:30 UTC)\n"
        "S01: rsi_14 &lt; 30: rsi_14 29.2, price 170.97 (bar of 2019-02-11 14:30 UTC)"
    }


@pytest.mark.parametrize(
    ("status", "again", "wait"), [(500, True, 7), (503, True, 7), (429, True, 7), (404, False, 7), (302, False, 7)]
)
def test_a_refusing_webhook_is_reported_without_its_secret(status: int, again: bool, wait: float) -> None:
    with hook(status) as (url, posted), pytest.raises(DeliveryError, match=str(status)) as caught:
        Webhook(url).send([alert()])
    assert (caught.value.again, caught.value.wait) == (again, wait)
    assert "SECRET" not in str(caught.value)
    assert len(posted) == 1  # a redirect is not followed


@pytest.mark.parametrize(
    ("plugin", "address", "path", "field"),
    [
        (NotifyTelegram, "tgram://123456789:SECRET_abcdefghijklmnopqrstuvwxyz/42", "/bot123456789:SECRET", "text"),
        (NotifyDiscord, "discord://123456789012345678/SECRET", "/123456789012345678/SECRET", "content"),
        (NotifyNtfy, "ntfy://user:SECRET@127.0.0.1:{port}/topic", "/", "message"),
    ],
    ids=["telegram", "discord", "topic"],
)
def test_a_service_that_apprise_speaks_to_gets_all_alerts_and_a_refusal_keeps_the_secret(
    plugin: type, address: str, path: str, field: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def channel_to(url: str) -> AppriseChannel:
        port = urlsplit(url).port
        own = f"http://127.0.0.1:{port}" + ("/bot" if plugin is NotifyTelegram else "")
        monkeypatch.setattr(plugin, "notify_url", own, raising=False)
        return AppriseChannel(address.format(port=port))

    many = [alert(n) for n in range(50)]  # more than Discord takes at once
    with hook(200) as (url, posted):
        channel_to(url).send(many)
    assert all(where.startswith(path) for where, _ in posted)
    assert re.findall(r"S\d\d", "".join(document[field] for _, document in posted)) == [each.symbol for each in many]
    assert "tapeline: 50 alerts" in json.dumps(posted)
    with hook(302) as (url, posted):
        channel = channel_to(url)
        with pytest.raises(DeliveryError, match=f"^{channel.service} did not take it$") as caught:
            channel.send(many[:1])
    assert caught.value.again
    assert len(posted) == 1  # a redirect is not followed


def test_an_unreachable_or_silent_webhook_may_be_tried_again() -> None:
    with hook(200) as (url, _):
        pass
    with pytest.raises(DeliveryError, match=r"127\.0\.0\.1 cannot be reached") as caught:
        Webhook(url).send([alert()])
    assert caught.value.again
    with socketserver.TCPServer(("127.0.0.1", 0), socketserver.BaseRequestHandler) as silent:
        webhook = Webhook(f"http://127.0.0.1:{silent.server_address[1]}/", timeout=0.05)
        with pytest.raises(DeliveryError, match="no answer in time"):
            webhook.send([alert()])


def endless_head(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X")
        time.sleep(0.02)


def endless_status(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"H")
        time.sleep(0.02)


def endless_continue(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def another_protocol(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_10.0\r\n")


def endless_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 99999999\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.02)


#: From 3.14.10 on Python gives up after 100 answers of "Continue".
AFTER_CONTINUES = "no valid HTTP" if sys.version_info >= (3, 14, 10) else "no answer in time"


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        (endless_head, "no answer in time"),
        (endless_status, "no answer in time"),
        (endless_continue, AFTER_CONTINUES),
    ],
)
def test_a_webhook_that_drips_is_cut_off_when_its_time_is_over(
    talk: Callable[[socket.socket], None], reason: str
) -> None:
    with raw_server(talk) as port:
        began = time.monotonic()
        with pytest.raises(DeliveryError, match=reason) as caught:
            Webhook(f"http://127.0.0.1:{port}/", timeout=0.5).send([alert()])
        assert time.monotonic() - began < 2
        assert caught.value.again


def test_a_webhook_that_speaks_another_protocol_is_named_so() -> None:
    with raw_server(another_protocol) as port, pytest.raises(DeliveryError, match="no valid HTTP"):
        Webhook(f"http://127.0.0.1:{port}/").send([alert()])


def test_the_body_of_a_webhooks_answer_is_not_read() -> None:
    with raw_server(endless_body) as port:
        began = time.monotonic()
        with pytest.raises(DeliveryError, match="answered 500"):
            Webhook(f"http://127.0.0.1:{port}/", timeout=5).send([alert()])
        assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://hooks.slack.com/services/T0/B0/x", ""), ("http://localhost:8080/hook", ""), ("http://[::1]/", ""),
        ("http://hooks.slack.com/x", "https"), ("http://169.254.169.254/", "https"), ("ftp://127.0.0.1/", "https"),
        ("file:///etc/passwd", "not an address"), ("", "not an address"), ("https://a b/", "not an address"),
        ("https://u:p@example.com/", "user name"), ("https://example.com:99999/", "not an address"),
        ("https://example.com/\r\nX: y", "not an address"), ("https://[::1/", "not an address"),
    ],
)  # fmt: skip
def test_the_address_of_a_webhook_is_checked(url: str, fault: str) -> None:
    assert fault in url_fault(url)
    assert bool(fault) == bool(url_fault(url))
    if fault:
        with pytest.raises(ValueError, match=fault):
            Webhook(url)


class Smtp(socketserver.StreamRequestHandler):
    """As much of SMTP as is needed; `refuse` answers a command with another line."""

    refuse: dict[bytes, bytes]
    mail: list[bytes]
    said: list[bytes]
    tls: ssl.SSLContext | None = None

    def handle(self) -> None:
        self.wfile.write(b"220 fake\r\n")
        while line := self.rfile.readline():
            verb = line.split()[0].upper().partition(b":")[0]
            self.said.append(line)
            if verb in self.refuse:
                self.wfile.write(self.refuse[verb])
            elif verb == b"EHLO":
                self.wfile.write(b"250-fake\r\n250-STARTTLS\r\n" if self.tls else b"250-fake\r\n")
                self.wfile.write(b"250 AUTH PLAIN\r\n")
            elif verb == b"STARTTLS":
                self.wfile.write(b"220 go on\r\n")
                self.said.clear()
                try:
                    self.connection = self.tls.wrap_socket(self.connection, server_side=True)
                except OSError:
                    return
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
            elif verb == b"AUTH":
                self.wfile.write(b"235 fine\r\n")
            elif verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.mail.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                self.wfile.write(b"250 taken\r\n")
            else:
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")
            if verb == b"QUIT":
                return

    def finish(self) -> None:
        super().finish()
        self.connection.close()


@contextlib.contextmanager
def relay(tls: ssl.SSLContext | None = None, **refuse: bytes) -> Iterator[tuple[int, type[Smtp]]]:
    refused = {name.encode(): answer for name, answer in refuse.items()}
    handler = type("Own", (Smtp,), {"refuse": refused, "mail": [], "said": [], "tls": tls})
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    with served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)) as port:
        yield port, handler


def mail(port: int, *, plain: bool = True, user: str = "") -> Mail:
    return Mail(
        "from@example.com", ["to@example.com", "you@example.com"], "127.0.0.1", port, user, "hunter22", plain=plain
    )


def test_mail_has_a_heading_and_a_line_for_each_alert() -> None:
    with relay() as (port, server):
        mail(port, user="me").send([alert(0), alert(1, symbol="BÖRSE")])
    message = message_from_bytes(server.mail[0], policy=default)
    assert message["Subject"] == "tapeline: 2 alerts"
    assert message["To"] == "to@example.com, you@example.com"
    assert message["Date"]
    assert message["Message-ID"]
    assert message.get_content().splitlines()[1].startswith("BÖRSE: rsi_14 < 30: ")


def test_mail_sends_neither_password_nor_alert_in_the_clear() -> None:
    with relay() as (port, server), pytest.raises(DeliveryError, match="no STARTTLS") as caught:
        mail(port, plain=False, user="me").send([alert()])
    assert not caught.value.again
    assert not any(line.startswith((b"AUTH", b"MAIL")) for line in server.said)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes the certificate")
def test_mail_goes_by_tls_to_a_server_with_a_valid_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = tmp_path / "k", tmp_path / "c"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with relay(context) as (port, server):
        with pytest.raises(DeliveryError, match=r"cannot be reached: .*certificate"):
            mail(port, plain=False, user="me").send([alert()])
        assert server.mail == []
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr("tapeline.alerts.mail.ssl.create_default_context", lambda: trusting)
        mail(port, plain=False, user="me").send([alert()])
    assert len(server.mail) == 1
    assert any(line.startswith(b"AUTH") for line in server.said)  # only what came by TLS is in there


@pytest.mark.parametrize(
    ("refuse", "says", "again"),
    [
        ({"AUTH": b"535 no\r\n"}, "does not accept the user and password", False),
        ({"RCPT": b"550 unknown\r\n"}, "takes nothing for to@example.com", False),
        ({"MAIL": b"451 later\r\n"}, "answered 451", True),
        ({"MAIL": b"552 never\r\n"}, "answered 552", False),
        ({"EHLO": b"421 busy\r\n", "HELO": b"421 busy\r\n"}, "answered 421", True),
    ],
)
def test_a_refusal_by_a_mail_server_is_reported(refuse: dict[str, bytes], says: str, again: bool) -> None:
    with relay(**refuse) as (port, _), pytest.raises(DeliveryError, match=says) as caught:
        mail(port, user="me").send([alert()])
    assert caught.value.again == again
    assert "hunter22" not in str(caught.value)


def test_an_unreachable_mail_server_may_be_tried_again() -> None:
    with relay() as (port, _):
        pass
    with pytest.raises(DeliveryError, match="cannot be reached") as caught:
        mail(port).send([alert()])
    assert caught.value.again


@pytest.fixture(scope="module")
def sns() -> Any:
    """Return a client whose calls are held against SNS's rules."""
    watching.install()
    return boto3.client("sns", region_name="eu-west-1", aws_access_key_id="k", aws_secret_access_key="s")


def test_alerts_are_published_to_sns(sns: Any) -> None:
    with Stubber(sns) as stub:
        wanted = {"TopicArn": TOPIC, "Subject": "tapeline: S00 rsi_14 < 30", "Message": body([alert()])}
        stub.add_response("publish", {"MessageId": "1"}, wanted)
        Sns(TOPIC, sns).send([alert()])
        stub.assert_no_pending_responses()
        stub.add_client_error("publish", "Throttling", "slow down")
        with pytest.raises(DeliveryError, match="Throttling") as caught:
            Sns(TOPIC, sns).send([alert()])
        assert caught.value.again
        stub.add_client_error("publish", "NotFound", "no such topic")
        with pytest.raises(DeliveryError, match="NotFound") as caught:
            Sns(TOPIC, sns).send([alert()])
        assert not caught.value.again
        stub.add_response("publish", {"MessageId": "2"}, {
            **wanted, "TopicArn": f"{TOPIC}.fifo", "MessageGroupId": "alerts", "MessageDeduplicationId": "key0-key0",
        })  # fmt: skip
        Sns(f"{TOPIC}.fifo", sns).send([alert()])


def test_a_malformed_topic_is_refused() -> None:
    with pytest.raises(ValueError, match="not the ARN of an SNS topic"):
        Sns("alerts")


def test_a_heading_is_short_ascii() -> None:
    assert subject([alert(symbol="BÖRSE")]) == "tapeline: B?RSE rsi_14 < 30"
    assert len(subject([alert(rule="price > 1 or " * 30)])) == 100


# -- couriers --------------------------------------------------------------------------------------------------------


class Channel:
    """Raise the errors that it was given, then take everything."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.taken: list[list[str]] = []

    def send(self, alerts: Sequence[Alert]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.taken.append([each.symbol for each in alerts])


class Clock:
    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> int:
        return self.now


def deliveries(journal: Journal) -> list[dict[str, Any]]:
    return [asdict(state) for alert in journal.fired() for state in alert.deliveries]


def test_a_failed_delivery_is_tried_again_with_growing_jittered_waits(journal: Journal) -> None:
    journal.record({}, [alert(0), alert(1)], ["hook"])
    channel = Channel(*(DeliveryError("answered 500") for _ in range(12)))
    said: list[str] = []
    clock = Clock()
    courier = Courier("hook", channel, journal, said.append, clock)
    waits = [courier.attempt() for _ in range(12)]
    for i, wait in enumerate(waits):
        longest = min(2.0 ** (i + 1), LONGEST_WAIT)
        assert wait is not None
        assert longest / 2 <= wait <= longest
    assert len(said) == 1  # once, not a dozen times
    told = deliveries(journal)
    assert [(each["state"], each["attempts"], each["error"]) for each in told] == [("pending", 12, "answered 500")] * 2
    clock.now += 5000
    assert courier.attempt() == 0
    assert courier.attempt() is None
    assert channel.taken == [["S00", "S01"]]
    told = deliveries(journal)
    assert [(each["state"], each["attempts"], each["error"], each["at"]) for each in told] == [
        ("delivered", 13, "", AT + 5000)
    ] * 2


def test_a_defect_beside_the_channel_does_not_end_its_thread(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a defect")

    said: list[str] = []
    ended = threading.Event()
    monkeypatch.setattr(journal, "pending", fail)
    Courier("hook", Channel(), journal, lambda text: (said.append(text), ended.set())[0]).run(ended, threading.Event())
    assert said == ["KeyError: 'a defect'"]


def test_the_other_side_may_ask_for_a_longer_wait(journal: Journal) -> None:
    journal.record({}, [alert()], ["hook"])
    courier = Courier(
        "hook", Channel(DeliveryError("429", wait=30), DeliveryError("429", wait=1e9)), journal, print, Clock()
    )
    assert courier.attempt() == 30
    assert courier.attempt() == LONGEST_WAIT


def test_an_alert_is_given_up_after_an_hour_or_at_once_when_it_is_hopeless(journal: Journal) -> None:
    journal.record({}, [alert(0)], ["hook"])
    said: list[str] = []
    passed = [0.0]
    errors = [DeliveryError("answered 500"), DeliveryError("answered 500"), DeliveryError("404", again=False)]
    courier = Courier("hook", Channel(*errors), journal, said.append, Clock(), lambda: passed[0])
    courier.attempt()
    passed[0] = GIVE_UP / 1000
    journal.record({}, [alert(1)], ["hook"])
    assert [each["state"] for each in deliveries(journal)] == ["pending", "pending"]
    courier.attempt()
    assert sorted(each["state"] for each in deliveries(journal)) == ["failed", "pending"]
    courier.attempt()
    assert [each["state"] for each in deliveries(journal)] == ["failed", "failed"]
    assert courier.attempt() is None
    assert sum("given up" in line for line in said) == 2


@pytest.mark.parametrize("step", [-30 * DAY, -2 * HOUR, 2 * HOUR, 30 * DAY])
def test_a_clock_that_is_set_gives_up_no_alert_and_keeps_none_for_ever(journal: Journal, step: int) -> None:
    journal.record({}, [alert()], ["hook"])
    clock, passed = Clock(), [0.0]
    channel = Channel(*(DeliveryError("answered 500") for _ in range(3)))
    courier = Courier("hook", channel, journal, lambda _: None, clock, lambda: passed[0])
    courier.attempt()
    clock.now += step
    courier.attempt()
    assert [each["state"] for each in deliveries(journal)] == ["pending"]
    passed[0] = GIVE_UP / 1000
    courier.attempt()
    assert [each["state"] for each in deliveries(journal)] == ["failed"]


def test_a_defect_in_a_channel_counts_as_a_failed_delivery(journal: Journal) -> None:
    journal.record({}, [alert()], ["hook"])
    courier = Courier("hook", Channel(RuntimeError("oops")), journal, print, Clock())
    assert courier.attempt()
    assert deliveries(journal)[0]["error"] == "RuntimeError: oops"
    assert courier.attempt() == 0


def test_waiting_alerts_survive_a_restart_and_a_bad_channel_delays_no_other(tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    with contextlib.closing(Journal(path, create=True)) as journal:
        journal.record({}, [alert(n) for n in range(120)], ["bad", "log"])
        Courier("bad", Channel(DeliveryError("down")), journal, print, Clock()).attempt()
    with contextlib.closing(Journal(path, create=False)) as journal:
        arrived, lines, blocked = threading.Event(), [], threading.Event()

        class Stuck:
            def send(self, _: Sequence[Alert]) -> None:
                blocked.wait(20)

        def say(text: str) -> None:
            lines.append(text)
            if len(lines) == 120:
                arrived.set()

        couriers = Couriers({"bad": Stuck(), "log": Log(say)}, journal, say)
        couriers.start()
        try:
            assert arrived.wait(10)
        finally:
            blocked.set()
            couriers.stop()
    assert lines[0] == "alert: S00: rsi_14 < 30: rsi_14 29.2, price 170.97 (bar of 2019-02-11 14:30 UTC)"


# -- the journal -----------------------------------------------------------------------------------------------------


def test_the_same_alert_is_kept_once(journal: Journal) -> None:
    [first] = journal.record({}, [alert(0)], ["log"])
    [second] = journal.record({}, [alert(0), alert(1)], ["log"])
    assert (first.id, second.symbol) == (1, "S01")
    assert [each.symbol for each in journal.fired()] == ["S00", "S01"]
    assert [each.symbol for each in journal.fired(after=1)] == ["S01"]
    assert [each.symbol for each in journal.fired(limit=1)] == ["S01"]


def test_old_alerts_are_forgotten(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tapeline.alerts.journal.KEPT_ALERTS", 3)
    for n in range(6):
        journal.record({}, [alert(n)], ["log"])
    assert [each.symbol for each in journal.fired()] == ["S03", "S04", "S05"]
    assert len(deliveries(journal)) == len(journal.pending("log", 99)) == 3


def test_a_file_that_is_not_a_journal_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    path.write_text("no database" * 1000)
    with pytest.raises(StorageError, match="cannot be read or written"):
        Journal(path, create=True)
    with pytest.raises(StorageError, match="no alerts are kept there"):
        Journal(tmp_path / "missing.db", create=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be read or written"):
        Journal(tmp_path / "file" / "alerts.db", create=True)
