"""`tapeline alerts` as a user meets it, and the settings of alerts."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from tests.conftest import MINUTE, START
from tests.stored import fill
from typer.testing import CliRunner

from tapeline.alerts.apprise_channel import AppriseChannel
from tapeline.alerts.mail import Mail
from tapeline.alerts.webhook import Webhook
from tapeline.app import config
from tapeline.app.alert_wiring import channels_of
from tapeline.backends.aws.sns import Sns
from tapeline.cli.alert_commands import app
from tapeline.core.market import Bar, Bars
from tapeline.data import sample_path
from tapeline.errors import (
    ConfigError,
    FileError,
    InputError,
    MissingLibraryError,
    ModelError,
    NotFoundError,
    RuleError,
)  # fmt: skip


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_rules_are_added_listed_and_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(run("list", "--json")) == []
    assert not Path("tapeline-data").exists()
    monkeypatch.setenv("TAPELINE_ALERTS__RULES", "rsi < 30 for A, B; price > 100")
    assert [rule["text"] for rule in json.loads(run("list", "--json"))] == ["rsi_14 < 30 for A, B", "price > 100"]
    run("add", "rsi > 70")
    rules = json.loads(run("list", "--json"))
    assert [(rule["text"], rule["source"]) for rule in rules][2:] == [("rsi_14 > 70", "page")]
    assert f"{rules[2]['id']}\tpage or command line\tyes\trsi_14 > 70" in run("list")
    assert json.loads(run("list", "--fired", "--json")) == []
    with pytest.raises(InputError, match="there already"):
        run("add", "rsi>70")
    with pytest.raises(InputError, match="in the settings"):
        run("remove", rules[0]["id"])
    run("remove", rules[2]["id"])
    with pytest.raises(NotFoundError, match="there is no rule"):
        run("remove", rules[2]["id"])
    with pytest.raises(RuleError, match="column 7: "):
        run("add", "rsi_14")


def test_a_rule_is_tried_on_a_file() -> None:
    found = json.loads(run("test", "rsi_14 < 30 for TSLA", str(sample_path("1m")), "--json"))
    assert found[0] == {
        "timestamp": 1549910220000, "time": "2019-02-11T18:37:00Z", "symbol": "TSLA", "price": 314.35,
        "text": "rsi_14 29.2087, price 314.35",
    }  # fmt: skip
    assert len(found) == 16
    assert "2019-02-11 18:37:00\tTSLA\t314.35" in run(
        "test", "rsi_14 < 30 for TSLA on forming bars", str(sample_path())
    )


def test_a_rule_is_tried_on_stored_bars(tmp_path: Path) -> None:
    prices = enumerate((9, 11, 9, 9, 11, 12))
    bars = Bars.of(Bar("A", START + i * MINUTE, price, price, price, price, 1.0) for i, price in prices)
    folder = str(fill(tmp_path, bars))
    found = json.loads(run("test", "price > 10 quiet 0 s", "--data-dir", folder, "--json"))
    assert [each["timestamp"] for each in found] == [START + MINUTE, START + 4 * MINUTE]
    assert len(json.loads(run("test", "price > 10", "--last", "1m", "--data-dir", folder, "--json"))) == 1
    rules = CliRunner().invoke(app, ["add", "price > 10 for A, TSAL", "--data-dir", folder])
    assert "TSAL has no bars yet" in rules.output
    assert "A has no bars" not in rules.output


def test_what_cannot_be_tried_is_refused() -> None:
    with pytest.raises(RuleError, match="column 1: there is no indicator 'foo'"):
        run("test", "foo < 3", str(sample_path()))
    with pytest.raises(ModelError, match="needs a model, and there is none in tapeline-data"):
        run("test", "prediction is UP", str(sample_path()))
    with pytest.raises(FileError, match=r"missing\.csv"):
        run("test", "rsi < 30", "missing.csv")


def test_settings_name_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    assert channels_of(config.load()) == {}
    everything = {
        "alerts__webhook": "https://hooks.example.com/SECRET", "mail__to": "a@example.com, b@example.com",
        "mail__sender": "c@example.com", "mail__host": "mail.example.com", "mail__password": "hunter22",
        "alerts__sns_topic": "arn:aws:sns:eu-west-1:123456789012:alerts",
        "alerts__notify": "ntfys://ntfy.sh/SECRET1; discord://123456789012345678/SECRET2;ntfys://example.com/SECRET3",
    }  # fmt: skip
    settings = config.load(**everything)
    assert settings.mail.to == ("a@example.com", "b@example.com")
    assert {name: type(channel) for name, channel in channels_of(settings).items()} == {
        "webhook": Webhook, "e-mail": Mail, "sns": Sns,
        "ntfy": AppriseChannel, "discord": AppriseChannel, "ntfy 2": AppriseChannel,
    }  # fmt: skip
    assert "SECRET" not in repr(settings)
    assert "hunter22" not in repr(settings)
    for needed in ("host", "sender"):
        with pytest.raises(ConfigError, match=f"mail.to needs mail.{needed}"):
            channels_of(config.load(**{**everything, f"mail__{needed}": ""}))
    for address, says in (
        ("SECRET://x", "is not an address that Apprise"),
        ("ntfy://a.b/SECRET", "begin with ntfys://"),
    ):
        with pytest.raises(ConfigError, match=f"setting alerts.notify: address 2 .*{says}") as caught:
            channels_of(config.load(alerts__notify=f"ntfys://ntfy.sh/x;{address}"))
        assert "SECRET" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(MissingLibraryError, match=r"Apprise: pip install 'tapeline\[notify\]'"):
        channels_of(settings)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("alerts.rules", ["rsi < 30", "price >"], "'price >': column 8: expected a number"),
        ("alerts.webhook", "http://example.com/SECRET", "must begin with https://"),
        ("mail.to", "a@example.com\nBcc: x@example.com", "is not an e-mail address"),
        ("mail.sender", "nobody", "is not an e-mail address"),
        ("alerts.sns_topic", "alerts", "not the ARN of an SNS topic"),
        ("mail.port", 0, "mail.port = 0"),
    ],
)
def test_a_refused_setting_is_named_without_its_secret(name: str, value: object, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(**{name.replace(".", "__"): value})
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"setting {name}")
    assert "SECRET" not in str(caught.value)
