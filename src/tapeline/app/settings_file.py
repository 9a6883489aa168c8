"""Read `tapeline.toml`, and refuse what is wrong in it by its name, with the name that may have been meant."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from tapeline.error_text import one_line
from tapeline.errors import ConfigError

#: Looked for in the current directory.
CONFIG_FILE = Path("tapeline.toml")

#: Bytes of it that are read, and dots in a line: the time that a key takes to read grows with their square.
_LARGEST = 256 * 1024
_MOST_DOTS = 1000

#: The names of settings before there were groups, and what they are called now.
RENAMED = {
    "yahoo_url": "yahoo.url",
    "yahoo_stream_url": "yahoo.stream_url",
    "host": "page.host",
    "port": "page.port",
    "token": "page.token",
    "behind_login": "page.behind_login",
    "alerts": "alerts.rules",
    "alert_webhook": "alerts.webhook",
    "alert_sns_topic": "alerts.sns_topic",
    "alert_mail_to": "mail.to",
    "alert_mail_from": "mail.sender",
    "smtp_host": "mail.host",
    "smtp_port": "mail.port",
    "smtp_user": "mail.user",
    "smtp_password": "mail.password",
    **{
        name: f"aws.{name}"
        for name in (
            "kinesis_stream", "rows_table", "state_table", "row_days", "firehose_stream", "bucket",
            "sagemaker_endpoint", "health_port",
        )
    },
}  # fmt: skip


def in_file() -> dict[str, Any]:
    """Return what the file says, as tables; nothing without a file. Raises `ConfigError`."""
    try:
        with CONFIG_FILE.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST or any(line.count(b".") > _MOST_DOTS for line in content.splitlines()):
            raise ConfigError(f"{CONFIG_FILE}: longer or deeper than settings are; is it another file?")
        return tomllib.loads(content.decode())
    except FileNotFoundError:
        return {}
    except RecursionError:
        raise ConfigError(f"{CONFIG_FILE}: not valid TOML: nested too deep") from None
    except ValueError as error:  # also of a number with thousands of digits
        raise ConfigError(f"{CONFIG_FILE}: not valid TOML: {one_line(error)}") from error
    except OSError as error:
        raise ConfigError(str(error)) from error


def refused(error: ValidationError, known: Mapping[str, FieldInfo]) -> ConfigError:
    """Return the error about the first setting that is wrong; `known` has all settings by name."""
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if new := RENAMED.get(name):
        table, _, key = new.partition(".")
        return ConfigError(f"setting {name} is now called {new}: write {key} in the table [{table}] of {CONFIG_FILE}")
    if first["type"] == "extra_forbidden":
        table, _, key = name.rpartition(".")
        within = f"{table}." if table else ""
        keys = (each.removeprefix(within).partition(".")[0] for each in known if each.startswith(within))
        beside = {each: f"{within}{each}" for each in keys}
        near = [beside[each] for each in difflib.get_close_matches(key, beside, 1)]
        near = near or difflib.get_close_matches(name, known, 1, cutoff=0.8)
        if near:
            return ConfigError(f"there is no setting {name}: did you mean {near[0]}?")
        return ConfigError(f"there is no setting {name}; there are {', '.join(beside.values() or known)}")
    return ConfigError(f"setting {name} = {_shown(name, first['input'], known)}: {first['msg']}")


def _shown(name: str, value: Any, settings: Mapping[str, FieldInfo]) -> str:
    """Return a value for an error. Only those of settings that are known and no secret are shown.

    What stands where a group of settings should be, or below a setting, may be a secret in the wrong place.
    """
    known = settings.get(re.sub(r"(\.\d+)+$", "", name))  # an entry of a list is as secret as the list
    if known is None or not isinstance(value, str | int | float):
        return "(not shown)"
    return "(secret)" if SecretStr in get_args(known.annotation) else repr(value)
