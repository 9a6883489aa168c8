"""Settings -> the alerts of a data directory, with the channels they go to."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from tapeline import alerts
from tapeline.alerts import (
    Alerts,
)
from tapeline.alerts.delivery import Channel, Log
from tapeline.app.config import (
    Settings,
)
from tapeline.app.wiring import DataDirectory
from tapeline.core.ports import Store
from tapeline.errors import ConfigError, StorageError


def alerting(
    home: DataDirectory, settings: Settings, *, live: bool, say: Callable[[str], None]
) -> contextlib.AbstractContextManager[Alerts | None]:
    """`alerting_over` the rows of a data directory."""
    return alerting_over(home.store, home.path, settings, live=live, say=say)


@contextlib.contextmanager
def alerting_over(
    store: Store, folder: Path, settings: Settings, *, live: bool, say: Callable[[str], None]
) -> Iterator[Alerts | None]:
    """Alerts over these rows, kept in `folder` and judged until the block ends. `live`: bars come as the market moves.

    `say` takes lines for whoever runs the program, the alerts themselves among them. None, with a line that says why,
    where alerts cannot be kept. Raises `ConfigError` for settings that lack something.
    """
    channels = {"log": Log(say), **channels_of(settings)}
    with contextlib.ExitStack() as stack:
        try:
            running = alerts.running(store, folder, settings.alerts, channels, live=live, say=say)
            found: Alerts | None = stack.enter_context(running)
        except StorageError as error:
            say(f"there are no alerts: {error}")
            found = None
        yield found


def channels_of(settings: Settings) -> dict[str, Channel]:
    """Where alerts go beside the page and the log. Raises `ConfigError` for settings that lack something."""
    found: dict[str, Channel] = {}
    if settings.alert_webhook is not None:
        from tapeline.alerts.webhook import Webhook

        found["webhook"] = Webhook(settings.alert_webhook.get_secret_value())
    if settings.alert_mail_to:
        from tapeline.alerts.mail import Mail
        from tapeline.alerts.webhook import is_loopback

        for name in ("smtp_host", "alert_mail_from"):
            if not getattr(settings, name):
                raise ConfigError(f"setting alert_mail_to needs {name} as well")
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else ""
        found["e-mail"] = Mail(
            settings.alert_mail_from, settings.alert_mail_to, settings.smtp_host, settings.smtp_port,
            settings.smtp_user, password, plain=is_loopback(settings.smtp_host),
        )  # fmt: skip
    if settings.alert_sns_topic:
        from tapeline.backends.aws.sns import Sns

        found["sns"] = Sns(settings.alert_sns_topic)
    return found
