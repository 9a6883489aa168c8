"""Send alerts to a webhook: `{"text": ...}` by HTTP POST, as Slack, Mattermost and many others take it."""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from tapeline.alerts.delivery import body
from tapeline.alerts.journal import Alert
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
        self._host, self._port, self._secure = parts.hostname or "", parts.port, parts.scheme == "https"
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout = timeout

    def send(self, alerts: Sequence[Alert]) -> None:
        payload = json.dumps({"text": _escaped(body(alerts))}).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "tapeline"}
        with contextlib.closing(self._connection()) as connection:
            try:
                connection.request("POST", self._target, payload, headers)
                answer = connection.getresponse()
                answer.read(1024)
            except (OSError, http.client.HTTPException) as error:
                raise DeliveryError(f"{self._host} cannot be reached: {_reason(error)}") from error
            if 200 <= answer.status < 300:
                return
            where = " (a redirect, which is not followed)" if 300 <= answer.status < 400 else ""
            raise DeliveryError(
                f"{self._host} answered {answer.status}{where}",
                again=answer.status >= 500 or answer.status in _AGAIN,
                wait=_seconds(answer.headers.get("Retry-After")),
            )

    def _connection(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=context)


def _escaped(text: str) -> str:
    """Escape the three characters that mean something in Slack's markup: `rsi_14 < 30` has one of them."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isascii() and text.isdigit() else 0.0


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
