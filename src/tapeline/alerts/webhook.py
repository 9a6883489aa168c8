"""Send alerts to a webhook: `{"text": ...}` by HTTP POST, as Slack, Mattermost and many others take it.

What answers is foreign. One send takes its time-out altogether, however slowly bytes come: the connection is cut off
then. Of the answer only the head is read (Python bounds it at 6.5 MB), and of that only the status and one number.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from tapeline.alerts.alert_records import Alert
from tapeline.alerts.delivery import body
from tapeline.errors import DeliveryError, InputError
from tapeline.runtime.loopback import is_loopback

TIMEOUT_SECONDS = 10.0

_AGAIN = {408, 425, 429}


def url_fault(url: str) -> str:
    """Return why this cannot be the address of a webhook, '' when it can. The address, a secret, is not repeated."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not an address"
    if not host or not url.isascii() or any(char.isspace() or not char.isprintable() for char in url):
        return "is not an address such as https://hooks.slack.com/services/..."
    if parts.username is not None or parts.fragment:
        return "must not have a user name or a # part"
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return ""
    return "must begin with https:// (http:// is for this machine only)"


class Webhook:
    """Post to one address. Redirects are not followed: a message goes where the settings say, or nowhere."""

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        """Raise `InputError` for what `url_fault` finds."""
        if fault := url_fault(url):
            raise InputError(f"the address of the webhook {fault}")
        parts = urlsplit(url)
        self._host, self._secure = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout = timeout

    def send(self, alerts: Sequence[Alert]) -> None:
        payload = json.dumps({"text": _escaped(body(alerts))}).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "tapeline"}
        until = time.monotonic() + self._timeout
        connection = http.client.HTTPConnection(self._host, self._port)
        try:
            connection.sock = self._connected(until)
            with _cut_off(connection.sock, until):
                connection.request("POST", self._target, payload, headers)
                with contextlib.closing(connection.getresponse()) as answer:
                    status, wait = answer.status, _seconds(answer.headers.get("Retry-After"))
        except (OSError, http.client.HTTPException) as error:
            raise DeliveryError(f"{self._host} cannot be reached: {_reason(error)}") from error
        finally:
            connection.close()
        if 200 <= status < 300:
            return
        where = " (a redirect, which is not followed)" if 300 <= status < 400 else ""
        raise DeliveryError(
            f"{self._host} answered {status}{where}", again=status >= 500 or status in _AGAIN, wait=wait
        )

    def _connected(self, until: float) -> socket.socket:
        """Return a connection that was made before `until` (monotonic), to the first address that takes one."""
        failure: OSError = TimeoutError()
        for *_, address in socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM):
            left = until - time.monotonic()
            if left <= 0:
                break
            try:
                connected = socket.create_connection((str(address[0]), int(address[1])), left)
            except OSError as error:
                failure = error
                continue
            if not self._secure:
                return connected
            try:
                connected.settimeout(max(until - time.monotonic(), 0.001))
                return ssl.create_default_context().wrap_socket(connected, server_hostname=self._host)
            except BaseException:
                connected.close()
                raise
        raise failure


@contextlib.contextmanager
def _cut_off(connection: socket.socket, until: float) -> Iterator[None]:
    """End both directions of a connection at `until` (monotonic), and raise `TimeoutError` if that was needed.

    A socket's own time-out is one for each read: a byte in every ten seconds would keep it open for ever.
    """
    late = threading.Event()

    def end() -> None:
        late.set()
        with contextlib.suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)  # the plain one: TLS is given up, not said goodbye to

    timer = threading.Timer(max(until - time.monotonic(), 0.0), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise (TimeoutError() if late.is_set() else error) from error
    else:
        if late.is_set():
            raise TimeoutError
    finally:
        timer.cancel()


def _escaped(text: str) -> str:
    """Escape the three characters that mean something in Slack's markup: `rsi_14 < 30` has one of them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isascii() and text.isdigit() else 0.0


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return f"what answers sends no valid HTTP ({type(error).__name__})"
