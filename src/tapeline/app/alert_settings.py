"""Hold the settings of alerts: the rules, and where alerts go."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, field_validator

from tapeline.app.settings_group import Names, NeedsExtra, SettingsGroup, split_at_semicolons
from tapeline.errors import RuleError

_MAIL_ADDRESS = re.compile(r"[^\s@,<>]+@[^\s@,<>]+")


class AlertSettings(SettingsGroup):
    """Say which alert rules are in force, and where alerts go beside the page, the log and e-mail."""

    rules: Annotated[tuple[str, ...], BeforeValidator(split_at_semicolons)] = Field(
        (), description="Alert rules, such as `rsi_14 < 30`; in the environment with `;` between them."
    )
    webhook: SecretStr | None = Field(
        None, description='Address that alerts are posted to as {"text": ...}, as Slack takes them.'
    )
    sns_topic: Annotated[str, NeedsExtra("aws")] = Field(
        "", description="ARN of an SNS topic that alerts are published to."
    )

    notify: Annotated[tuple[SecretStr, ...], BeforeValidator(split_at_semicolons), NeedsExtra("notify")] = Field(
        (),
        description="Addresses of Telegram, Discord, ntfy and other services, as Apprise writes them; in the "
        "environment with `;` between them.",
    )

    @field_validator("rules")
    @classmethod
    def _check_rules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from tapeline.alerts.grammar import parse_rule

        for text in value:
            try:
                parse_rule(text)
            except RuleError as error:
                raise ValueError(f"{text!r}: {error}") from error
        return value

    @field_validator("webhook")
    @classmethod
    def _check_webhook(cls, value: SecretStr | None) -> SecretStr | None:
        from tapeline.alerts.webhook import url_fault

        if value is not None and (fault := url_fault(value.get_secret_value())):
            raise ValueError(f"it {fault}")
        return value

    @field_validator("sns_topic")
    @classmethod
    def _check_topic(cls, value: str) -> str:
        from tapeline.backends.aws.sns import TOPIC_ARN

        if value and not TOPIC_ARN.fullmatch(value):
            raise ValueError("it is not the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:123456789012:alerts")
        return value


class MailSettings(SettingsGroup):
    """Say who gets alerts by e-mail, and which server takes the mail."""

    to: Names = Field((), description="Addresses that alerts are mailed to.")
    sender: str = Field("", description="Address that alerts are mailed from.")
    host: str = Field("", description="Server that takes the mail.")
    port: int = Field(
        587, ge=1, le=65535, description="Its port: 465 with TLS from the start, any other with STARTTLS."
    )
    user: str = Field("", description="User to log in as at the server; empty: without a log-in.")
    password: SecretStr | None = Field(None, description="That user's password.")

    @field_validator("to", "sender")
    @classmethod
    def _check_addresses(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (value,) if isinstance(value, str) else value:
            if address and not _MAIL_ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is not an e-mail address")
        return value
