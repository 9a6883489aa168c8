"""Settings, read once: flags over `TAPELINE_*` environment variables over `tapeline.toml` over the defaults here."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tapeline.alerts.grammar import parse_rule
from tapeline.alerts.webhook import url_fault
from tapeline.backends.aws.sns import TOPIC_ARN
from tapeline.errors import ConfigError, RuleError, SpecError
from tapeline.indicators import (
    DEFAULT,
    parse,
)

#: Looked for in the current directory.
CONFIG_FILE = Path("tapeline.toml")


#: Settings whose value is never shown.
_SECRETS = frozenset({"alert_webhook", "smtp_password", "token"})

_MAIL_ADDRESS = re.compile(r"[^\s@,<>]+@[^\s@,<>]+")


class Settings(BaseSettings):
    """Every setting there is. An unknown name in `tapeline.toml` is an error, so that a typing slip is noticed."""

    model_config = SettingsConfigDict(env_prefix="TAPELINE_", extra="forbid", toml_file=CONFIG_FILE)

    data_dir: Path = Field(Path("tapeline-data"), description="Folder of the database, the models and the archive.")
    indicators: Annotated[tuple[str, ...], NoDecode] = Field(
        DEFAULT, description="Indicators computed and stored for every bar."
    )
    horizon: int = Field(5, ge=1, le=1000, description="Bars ahead that a prediction speaks of.")
    yahoo_url: str = Field(
        "https://query2.finance.yahoo.com", description="Base address of Yahoo's charts, or of a stand-in."
    )
    yahoo_stream_url: str = Field(
        "wss://streamer.finance.yahoo.com/?version=2", description="Address of Yahoo's streamed prices."
    )
    symbols: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Symbols that a collector follows when none are named or kept."
    )
    interval: str = Field("1m", description="Length of the bars that a collector makes: 1m to 1d.")
    forming_seconds: float = Field(
        1.0, ge=0.25, le=60, description="Seconds between two updates of a forming bar; on AWS every one costs."
    )
    kinesis_stream: str = Field("", description="Kinesis stream that `tapeline collector` puts bars on.")
    rows_table: str = Field("", description="DynamoDB table of the rows; where it is set, rows are kept on AWS.")
    state_table: str = Field("", description="DynamoDB table of the processor's state.")
    row_days: int = Field(0, ge=0, description="Days after which a row in DynamoDB expires; 0 keeps it.")
    firehose_stream: str = Field("", description="Firehose stream that final rows are copied to, for Athena.")
    bucket: str = Field("", description="S3 bucket of history, models and rejected records.")
    sagemaker_endpoint: str = Field("", description="SageMaker endpoint that predicts; empty: no predictions on AWS.")
    health_port: int = Field(
        8080, ge=0, le=65535, description="Port of the health answer of `tapeline collector`; 0 takes a free one."
    )
    host: str = Field("127.0.0.1", description="Address the page listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the page; 0 takes a free one.")
    token: SecretStr | None = Field(
        None, min_length=24, description="Secret that opens page and API: `Authorization: Bearer TOKEN`, or to log in."
    )
    behind_login: bool = Field(
        False, description="A load balancer in front has asked for a log-in: everybody who comes through may look."
    )
    alerts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Alert rules, such as `rsi_14 < 30`; in the environment with `;` between them."
    )
    alert_webhook: SecretStr | None = Field(
        None, description='Address that alerts are posted to as {"text": ...}, as Slack takes them.'
    )
    alert_mail_to: Annotated[tuple[str, ...], NoDecode] = Field((), description="Addresses that alerts are mailed to.")
    alert_mail_from: str = Field("", description="Address that alerts are mailed from.")
    alert_sns_topic: str = Field("", description="ARN of an SNS topic that alerts are published to.")
    smtp_host: str = Field("", description="Server that takes the mail.")
    smtp_port: int = Field(
        587, ge=1, le=65535, description="Its port: 465 with TLS from the start, any other with STARTTLS."
    )
    smtp_user: str = Field("", description="User to log in there as; empty: without a log-in.")
    smtp_password: SecretStr | None = Field(None, description="That user's password.")

    @field_validator("indicators", "symbols", "alert_mail_to", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("indicators")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            for spec in value:
                parse(spec)
        except SpecError as error:
            raise ValueError(str(error)) from error
        return value

    @field_validator("alerts", mode="before")
    @classmethod
    def _split_rules(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(";") if part.strip()) if isinstance(value, str) else value

    @field_validator("alerts")
    @classmethod
    def _rules(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                parse_rule(text)
            except RuleError as error:
                raise ValueError(f"{text!r}: {error}") from error
        return value

    @field_validator("alert_webhook")
    @classmethod
    def _address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and (fault := url_fault(value.get_secret_value())):
            raise ValueError(f"it {fault}")
        return value

    @field_validator("alert_sns_topic")
    @classmethod
    def _topic(cls, value: str) -> str:
        if value and not TOPIC_ARN.fullmatch(value):
            raise ValueError("it is not the ARN of an SNS topic, such as arn:aws:sns:eu-west-1:123456789012:alerts")
        return value

    @field_validator("alert_mail_to", "alert_mail_from")
    @classmethod
    def _mail(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (value,) if isinstance(value, str) else value:
            if address and not _MAIL_ADDRESS.fullmatch(address):
                raise ValueError(f"{address!r} is not an e-mail address")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load(**flags: Any) -> Settings:
    """The settings of this run. Flags that are None were not given. Raises `ConfigError`."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        value = "(secret)" if name in _SECRETS else repr(first["input"])
        raise ConfigError(f"setting {name} = {value}: {first['msg']}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{CONFIG_FILE}: not valid TOML: {error}") from error
