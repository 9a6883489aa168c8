"""Send alerts by e-mail, over SMTP with TLS."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from tapeline.alerts.alert_records import Alert
from tapeline.alerts.delivery import body, subject
from tapeline.errors import DeliveryError

TIMEOUT_SECONDS = 20.0

_TLS_PORT = 465  # where TLS begins before SMTP does; elsewhere it begins with STARTTLS


class Mail:
    """Send from one address to others. Only to a relay on this machine (`plain`) is anything sent without TLS."""

    def __init__(
        self,
        sender: str,
        recipients: Sequence[str],
        host: str,
        port: int = 587,
        user: str = "",
        password: str = "",
        *,
        plain: bool = False,
    ) -> None:
        self._sender, self._recipients = sender, list(recipients)
        self._host, self._port, self._user, self._password = host, port, user, password
        self._plain = plain

    def send(self, alerts: Sequence[Alert]) -> None:
        message = EmailMessage()
        message["Subject"] = subject(alerts)
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain="tapeline.invalid")
        message.set_content(body(alerts) + "\n")
        try:
            with self._connected() as server:
                if self._user:
                    server.login(self._user, self._password)
                refused = server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise DeliveryError(f"{self._host} takes nothing for {', '.join(error.recipients)}", again=False) from error
        except smtplib.SMTPAuthenticationError as error:
            raise DeliveryError(f"{self._host} does not accept the user and password", again=False) from error
        except smtplib.SMTPResponseException as error:
            code = error.smtp_code
            raise DeliveryError(f"{self._host} answered {code}", again=not 500 <= code < 600) from error
        except smtplib.SMTPException as error:
            raise DeliveryError(f"{self._host} does not take it: {type(error).__name__}") from error
        except OSError as error:
            raise DeliveryError(f"{self._host} cannot be reached: {error.strerror or type(error).__name__}") from error
        if refused:
            raise DeliveryError(f"{self._host} takes nothing for {', '.join(refused)}", again=False)

    def _connected(self) -> smtplib.SMTP:
        if self._plain:
            return smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS)
        context = ssl.create_default_context()
        if self._port == _TLS_PORT:
            return smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT_SECONDS, context=context)
        server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_SECONDS)
        try:
            server.ehlo_or_helo_if_needed()
            if not server.has_extn("starttls"):
                raise DeliveryError(f"{self._host} offers no STARTTLS; nothing is sent in the clear", again=False)
            server.starttls(context=context)
        except BaseException:
            server.close()
            raise
        return server
