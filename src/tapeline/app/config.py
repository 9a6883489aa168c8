"""Read the settings once: flags over `TAPELINE_*` environment variables over `tapeline.toml` over the defaults here.

A setting of a group is a key of a table in the file and has two underscores in the environment: `bucket` in `[aws]`,
or `TAPELINE_AWS__BUCKET`. A name that does not exist is refused, so that a typing slip is noticed; so is the name that
a setting had before there were groups, with the name it has now.

Nearly every command reads the settings, so what only some settings need is imported when such a setting is given.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo

from tapeline.app.settings_file import RENAMED, in_file, refused
from tapeline.errors import ConfigError, RuleError
from tapeline.indicators import DEFAULT
from tapeline.indicators.spelling import separated

_PREFIX = "TAPELINE_"

_MAIL_ADDRESS = re.compile(r"[^\s@,<>]+@[^\s@,<>]+")


def comma_separated(text: str) -> list[str]:
    """Return the parts of a text between commas, as `spelling.separated` does."""
    return separated(text)


def _split_at_commas(value: Any) -> Any:
    return tuple(comma_separated(value)) if isinstance(value, str) else value


#: A list in the file; in the environment and in flags also one text with commas.
_Names = Annotated[tuple[str, ...], BeforeValidator(_split_at_commas)]


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class YahooSettings(_Group):
    """Say where Yahoo Finance is."""

    url: str = Field(
        "https://query2.finance.yahoo.com", description="Base address of Yahoo's charts, or of a stand-in."
    )
    stream_url: str = Field(
        "wss://streamer.finance.yahoo.com/?version=2", description="Address of Yahoo's streamed prices."
    )


class BinanceSettings(_Group):
    """Say where Binance's market data are; by default the hosts that serve nothing else and need no key."""

    url: str = Field(
        "https://data-api.binance.vision", description="Base address of Binance's klines, or of a stand-in."
    )
    stream_url: str = Field("wss://data-stream.binance.vision", description="Address of Binance's streams.")


class PageSettings(_Group):
    """Say where the page listens, and who may see it."""

    host: str = Field("127.0.0.1", description="Address the page listens on; beyond this machine only with a log-in.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the page; 0 takes a free one.")
    token: SecretStr | None = Field(
        None,
        min_length=24,
        description="Secret of 24 characters or more that opens page and API: `Authorization: Bearer TOKEN`, or to log "
        "in.",
    )
    behind_login: bool = Field(
        False, description="A load balancer in front asks for a log-in: everybody who comes through may look."
    )
    trusted_proxies: _Names = Field(
        (), description="Addresses or ranges of the proxies in front that are believed about who asks, and how."
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ipaddress.ip_network(text)
        return value


class AlertSettings(_Group):
    """Say which alert rules are in force, and where alerts go beside the page, the log and e-mail."""

    rules: tuple[str, ...] = Field(
        (), description="Alert rules, such as `rsi_14 < 30`; in the environment with `;` between them."
    )
    webhook: SecretStr | None = Field(
        None, description='Address that alerts are posted to as {"text": ...}, as Slack takes them.'
    )
    sns_topic: str = Field("", description="ARN of an SNS topic that alerts are published to.")

    @field_validator("rules", mode="before")
    @classmethod
    def _split_rules(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(";") if part.strip()) if isinstance(value, str) else value

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


class MailSettings(_Group):
    """Say who gets alerts by e-mail, and which server takes the mail."""

    to: _Names = Field((), description="Addresses that alerts are mailed to.")
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


class AwsSettings(_Group):
    """Name the resources on AWS. Region and credentials are boto3's own settings."""

    kinesis_stream: str = Field("", description="Kinesis stream that `tapeline collector` puts bars on.")
    rows_table: str = Field("", description="DynamoDB table of the rows; where it is set, rows are kept on AWS.")
    state_table: str = Field(
        "", description="DynamoDB table of the processor's state; collector tasks find one another there."
    )
    row_days: int = Field(0, ge=0, description="Days after which a row in DynamoDB expires; 0 keeps it.")
    firehose_stream: str = Field("", description="Firehose stream that final rows are copied to, for Athena.")
    bucket: str = Field("", description="S3 bucket of history, models and rejected records.")
    stack: str = Field(
        "stock-analysis",
        min_length=1,
        description="Name of this copy of the stack; its metrics have it, so that copies in one account keep apart.",
    )
    sagemaker_endpoint: str = Field("", description="SageMaker endpoint that predicts; empty: no predictions on AWS.")
    predictor: Literal["endpoint", "local"] = Field(
        "endpoint",
        description="What predicts on AWS: the endpoint, or, in the function itself, the model that is promoted in the "
        "bucket's models/.",
    )
    health_port: int = Field(
        8080, ge=0, le=65535, description="Port of the health answer of `tapeline collector`; 0 takes a free one."
    )


class Settings(_Group):
    """Hold every setting there is. `load` reads them; made directly, they are the defaults."""

    data_dir: Path = Field(Path("tapeline-data"), description="Folder of the database, the models and the archive.")
    indicators: _Names = Field(
        DEFAULT, description="Indicators shown where none are named; on AWS they are stored with every row."
    )
    horizon: int = Field(5, ge=1, le=1000, description="How many bars ahead to predict.")
    feed: str = Field("yahoo", description="Market data feed that history and live prices come from.")
    symbols: _Names = Field((), description="Symbols that `tapeline collector` follows.")
    interval: str = Field("1m", description="Length of the bars that `tapeline collector` makes: 1m to 1d.")
    forming_seconds: float = Field(
        1.0, ge=0.25, le=60, description="Seconds between two updates of a forming bar; on AWS every one costs."
    )
    yahoo: YahooSettings = YahooSettings()
    binance: BinanceSettings = BinanceSettings()
    page: PageSettings = PageSettings()
    alerts: AlertSettings = AlertSettings()
    mail: MailSettings = MailSettings()
    aws: AwsSettings = AwsSettings()

    @field_validator("indicators")
    @classmethod
    def _check_indicators(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from tapeline.indicators import parse

        for spec in value:
            parse(spec)
        return value


def all_settings() -> dict[str, FieldInfo]:
    """Return every setting by its name: `data_dir`, `aws.bucket`, ..."""
    found: dict[str, FieldInfo] = {}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found |= {f"{name}.{key}": inner for key, inner in field.annotation.model_fields.items()}
        else:
            found[name] = field
    return found


def variable(setting: str) -> str:
    """Return the environment variable of a setting: `aws.bucket` is TAPELINE_AWS__BUCKET."""
    return _PREFIX + setting.replace(".", "__").upper()


def load(**flags: Any) -> Settings:
    """Return the settings of this run.

    Flags are named as settings, `aws__bucket` for `bucket` in the group `aws`; one that is None was not given. Raises
    `ConfigError`.
    """
    for old, new in RENAMED.items():
        if variable(old) in os.environ:
            raise ConfigError(f"the environment variable {variable(old)} is now called {variable(new)}")
    given = in_file()
    for name, value in (*_in_environment(), *flags.items()):
        if value is None:
            continue
        group, separator, key = name.partition("__")
        table = given.setdefault(group, {}) if separator else given
        if isinstance(table, dict):  # otherwise the group is refused below
            table[key or group] = value
    try:
        return Settings(**given)
    except ValidationError as error:
        raise refused(error, all_settings()) from error


def _in_environment() -> Iterator[tuple[str, str]]:
    """Yield the settings that the environment gives, named as flags are.

    Other variables may have our prefix too; one that looks like a slip of a setting's raises `ConfigError`.
    """
    settings = {setting.replace(".", "__"): setting for setting in all_settings()}
    for variable_name, value in os.environ.items():
        name = variable_name.lower()
        setting = name.removeprefix(_PREFIX.lower())
        if setting != name and setting.partition("__")[0] in Settings.model_fields:
            yield setting, value
        elif setting != name and (near := difflib.get_close_matches(setting, settings, 1, cutoff=0.8)):
            meant = variable(settings[near[0]])
            raise ConfigError(f"no setting is called {variable_name} in the environment: did you mean {meant}?")
