"""A webhook: `{"text": ...}` by HTTP POST, as Slack, Mattermost and many others take it."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from tapeline.alerts.delivery import (
    body,
)
from tapeline.alerts.journal import Alert
from tapeline.errors import DeliveryError

TIMEOUT_SECONDS = 10.0

_AGAIN = {408, 425, 429}


def url_fault(url: str) -> str:
    """Why this cannot be the address of a webhook, '' when it can. The address, a secret, is not repeated."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not an address"
    if not host or not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        return "is not an address such as https://hooks.slack.com/services/..."
    if parts.username is not None or parts.fragment:
        return "must not have a user name or a # part"
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)):
        return ""
    return "must begin with https:// (http:// is for this machine only)"


def is_loopback(host: str) -> bool:
    """Whether this host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Webhook:
    """Posts to one address. Redirects are not followed: what is sent goes where the settings say, or nowhere."""

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        """Raises `ValueError` for what `url_fault` finds."""
        if fault := url_fault(url):
            raise ValueError(fault)
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
    """The text with the three characters that Slack's markup gives a meaning: a rule such as `rsi_14 < 30` has one."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isascii() and text.isdigit() else 0.0


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
