"""Wire alerts over stored rows: the rules of the settings, and the channels that alerts go to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tapeline.alerts import service
from tapeline.alerts.delivery import Channel, Log
from tapeline.alerts.service import Alerts
from tapeline.app.config import Settings
from tapeline.core.ports import Store
from tapeline.core.troubles import Troubles
from tapeline.errors import ConfigError, InputError, StorageError
from tapeline.forecast.range_registry import RangeRegistry
from tapeline.web.versions import RangeVersions


@contextlib.contextmanager
def alerting(
    store: Store,
    folder: Path,
    settings: Settings,
    *,
    live: bool,
    notify: Callable[[str], None],
    troubles: Callable[[], Troubles] = dict,
    ranges: RangeRegistry | None = None,
) -> Iterator[Alerts | None]:
    """Judge alert rules over the rows of a store until the block ends; rules and alerts are kept in `folder`.

    `live` says that bars come as the market moves. `notify` gets lines for whoever runs the program, the alerts
    themselves among them. `troubles` says what is wrong with the system itself, `ranges` is where range models are
    read. Yields None, after a line that says why, where alerts cannot be kept: the page is worth serving without them.
    Raises `ConfigError` for settings that lack something.
    """
    channels = {"log": Log(notify), **channels_of(settings)}
    with contextlib.ExitStack() as stack:
        try:
            running = service.running(
                store,
                folder,
                settings.alerts.rules,
                channels,
                live=live,
                notify=notify,
                troubles=troubles,
                ranges=RangeVersions(ranges).models,
            )
            found: Alerts | None = stack.enter_context(running)
        except StorageError as error:
            notify(f"there are no alerts: {error}")
            found = None
        yield found


def channels_of(settings: Settings) -> dict[str, Channel]:
    """Return where alerts go beside the page and the log. Raises `ConfigError` for settings that lack something."""
    found = {name: channel for name, make in _CHANNELS.items() if (channel := make(settings)) is not None}
    return found | _services(settings)


def _services(settings: Settings) -> dict[str, Channel]:
    """Return a channel for each address of `alerts.notify`, as one that fails must not repeat messages elsewhere."""
    from tapeline.alerts.apprise_channel import AppriseChannel

    found: dict[str, Channel] = {}
    for number, address in enumerate(settings.alerts.notify, 1):
        try:
            channel = AppriseChannel(address.get_secret_value())
        except InputError as error:
            raise ConfigError(f"setting alerts.notify: address {number} {error}") from error
        same = sum(name.partition(" ")[0] == channel.service for name in found)
        found[f"{channel.service} {same + 1}" if same else channel.service] = channel
    return found


def _webhook(settings: Settings) -> Channel | None:
    from tapeline.alerts.webhook import Webhook

    url = settings.alerts.webhook
    return Webhook(url.get_secret_value()) if url is not None else None


def _mail(settings: Settings) -> Channel | None:
    from tapeline.alerts.mail import Mail
    from tapeline.runtime.loopback import is_loopback

    mail = settings.mail
    if not mail.to:
        return None
    for name in ("host", "sender"):
        if not getattr(mail, name):
            raise ConfigError(f"setting mail.to needs mail.{name} as well")
    password = mail.password.get_secret_value() if mail.password else ""
    return Mail(mail.sender, mail.to, mail.host, mail.port, mail.user, password, plain=is_loopback(mail.host))


def _sns(settings: Settings) -> Channel | None:
    from tapeline.backends.aws.sns import Sns

    return Sns(settings.alerts.sns_topic) if settings.alerts.sns_topic else None


#: Every channel by its name in the journal, with a function that returns None where the settings do not ask for it.
_CHANNELS: dict[str, Callable[[Settings], Channel | None]] = {"webhook": _webhook, "e-mail": _mail, "sns": _sns}
