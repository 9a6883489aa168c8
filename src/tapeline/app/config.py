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
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo

from tapeline.app.alert_settings import AlertSettings, MailSettings
from tapeline.app.settings_file import RENAMED, in_file, refused
from tapeline.app.settings_group import Names, NeedsExtra, SettingsGroup
from tapeline.errors import ConfigError
from tapeline.indicators import DEFAULT

_PREFIX = "TAPELINE_"

_Resource = Annotated[str, NeedsExtra("aws")]


class YahooSettings(SettingsGroup):
    """Say where Yahoo Finance is, and what is collected from it."""

    url: str = Field(
        "https://query2.finance.yahoo.com", description="Base address of Yahoo's charts, or of a stand-in."
    )
    stream_url: str = Field(
        "wss://streamer.finance.yahoo.com/?version=2", description="Address of Yahoo's streamed prices."
    )
    extended_hours: bool = Field(
        False, description="Collect pre-market and after hours too, in bars of up to 30 minutes."
    )


class BinanceSettings(SettingsGroup):
    """Say where Binance's market data are; by default the hosts that serve nothing else and need no key."""

    url: str = Field(
        "https://data-api.binance.vision", description="Base address of Binance's klines, or of a stand-in."
    )
    stream_url: str = Field("wss://data-stream.binance.vision", description="Address of Binance's streams.")


class PageSettings(SettingsGroup):
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
    trusted_proxies: Names = Field(
        (), description="Addresses or ranges of the proxies in front that are believed about who asks, and how."
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ipaddress.ip_network(text)
        return value


class AwsSettings(SettingsGroup):
    """Name the resources on AWS. Region and credentials are boto3's own settings."""

    kinesis_stream: _Resource = Field("", description="Kinesis stream that `tapeline collector` puts bars on.")
    rows_table: _Resource = Field("", description="DynamoDB table of the rows; where it is set, rows are kept on AWS.")
    state_table: _Resource = Field(
        "", description="DynamoDB table of the processor's state; collector tasks find one another there."
    )
    row_days: int = Field(0, ge=0, description="Days after which a row in DynamoDB expires; 0 keeps it.")
    firehose_stream: _Resource = Field("", description="Firehose stream that final rows are copied to, for Athena.")
    bucket: _Resource = Field("", description="S3 bucket of history, models and rejected records.")
    stack: str = Field(
        "stock-analysis",
        min_length=1,
        description="Name of this copy of the stack; its metrics have it, so that copies in one account keep apart.",
    )
    sagemaker_endpoint: _Resource = Field(
        "", description="SageMaker endpoint that predicts; empty: no predictions on AWS."
    )
    predictor: Literal["endpoint", "local"] = Field(
        "endpoint",
        description="What predicts on AWS: the endpoint, or, in the function itself, the model that is promoted in the "
        "bucket's models/.",
    )
    health_port: int = Field(
        8080, ge=0, le=65535, description="Port of the health answer of `tapeline collector`; 0 takes a free one."
    )


class Settings(SettingsGroup):
    """Hold every setting there is. `load` reads them; made directly, they are the defaults."""

    data_dir: Path = Field(Path("tapeline-data"), description="Folder of the database, the models and the archive.")
    indicators: Names = Field(
        DEFAULT, description="Indicators shown where none are named; on AWS they are stored with every row."
    )
    horizon: int = Field(5, ge=1, le=1000, description="How many bars ahead to predict.")
    feed: Annotated[str, NeedsExtra()] = Field(
        "yahoo", description="Market data feed that history and live prices come from."
    )
    symbols: Names = Field((), description="Symbols that `tapeline collector` follows, and a first `tapeline run`.")
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
