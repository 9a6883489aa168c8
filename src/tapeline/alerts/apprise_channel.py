"""Send alerts to Telegram, Discord, ntfy and the other services that Apprise speaks to, one address a channel."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

from tapeline.alerts.alert_records import Alert
from tapeline.alerts.delivery import body, subject
from tapeline.core.extras import import_extra
from tapeline.errors import DeliveryError, InputError
from tapeline.runtime.loopback import is_loopback


class AppriseChannel:
    """Send to one address as Apprise writes them, such as `tgram://TOKEN/CHAT`. `service` is what it belongs to.

    The address holds secrets, so it is never repeated, and neither is what the library says of an error. Redirects are
    not followed, without TLS nothing leaves this machine, and what is too long for a service goes in several messages.
    """

    def __init__(self, address: str) -> None:
        """Raise `InputError` for an address that cannot be used, `MissingLibraryError` without Apprise."""
        apprise = import_extra("apprise", "alerts.notify needs Apprise", "notify")
        logging.getLogger("apprise").addHandler(logging.NullHandler())  # otherwise it writes to standard error itself
        asset = apprise.AppriseAsset(
            app_id="tapeline", app_desc="tapeline alerts", app_url="", image_url_mask="", image_url_logo="",
            async_mode=False,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it imports all of its services now, also old ones
            found = apprise.Apprise.instantiate(address, asset=asset)
        if found is None:
            raise InputError("is not an address that Apprise knows, such as tgram://TOKEN/CHAT")
        scheme = address.partition(":")[0].lower()
        with_tls = found.secure_protocol or ()
        with_tls = (with_tls,) if isinstance(with_tls, str) else tuple(with_tls)
        if with_tls and scheme not in with_tls and not is_loopback(found.host or ""):
            raise InputError(f"must begin with {with_tls[0]}:// ({scheme}:// is for this machine only)")
        found.redirects = False
        found.overflow_mode = apprise.OverflowMode.SPLIT  # Discord takes 2,000 characters, 50 alerts have more
        self.service = str(found.service_name).lower()
        self._text = apprise.NotifyFormat.TEXT
        self._sender = apprise.Apprise(asset=asset)
        self._sender.add(found)

    def send(self, alerts: Sequence[Alert]) -> None:
        """Send these as one message. Raises `DeliveryError`: Apprise does not say whether trying again can help."""
        try:
            taken = self._sender.notify(body=body(alerts), title=subject(alerts), body_format=self._text)
        except Exception as error:
            raise DeliveryError(f"{self.service} cannot be reached: {type(error).__name__}") from error
        if not taken:
            raise DeliveryError(f"{self.service} did not take it")
