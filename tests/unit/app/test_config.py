"""Where settings come from, how groups are written, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapeline.app import config, settings_file
from tapeline.errors import ConfigError


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_flag_counts_over_the_environment_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tapeline.toml").write_text('horizon = 2\n[aws]\nbucket = "file"\nrow_days = 7\nrows_table = "file"\n')
    monkeypatch.setenv("TAPELINE_AWS__BUCKET", "environment")
    monkeypatch.setenv("TAPELINE_AWS__ROW_DAYS", "8")
    found = config.load(aws__bucket="flag", aws__rows_table=None, horizon=None)
    assert (found.aws.bucket, found.aws.row_days, found.aws.rows_table) == ("flag", 8, "file")
    assert (found.horizon, found.page.port) == (2, 8000)


def test_lists_are_one_text_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPELINE_SYMBOLS", "A, B,")
    monkeypatch.setenv("TAPELINE_MAIL__TO", "a@example.com,b@example.com")
    monkeypatch.setenv("TAPELINE_ALERTS__RULES", "rsi < 30 for A, B; price > 100")
    found = config.load()
    assert found.symbols == ("A", "B")
    assert found.mail.to == ("a@example.com", "b@example.com")
    assert found.alerts.rules == ("rsi < 30 for A, B", "price > 100")


@pytest.mark.parametrize(
    ("variable", "now"),
    [
        ("TAPELINE_ALERTS", "TAPELINE_ALERTS__RULES"),
        ("TAPELINE_SMTP_PASSWORD", "TAPELINE_MAIL__PASSWORD"),
        ("TAPELINE_PORT", "TAPELINE_PAGE__PORT"),
        ("TAPELINE_BUCKET", "TAPELINE_AWS__BUCKET"),
    ],
)
def test_a_variable_of_before_the_groups_is_refused_with_its_name_now(
    monkeypatch: pytest.MonkeyPatch, variable: str, now: str
) -> None:
    monkeypatch.setenv(variable, "hunter22")
    with pytest.raises(ConfigError, match=f"{variable} is now called {now}$") as caught:
        config.load()
    assert "hunter22" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("TAPELINE_PAEG__PORT", "TAPELINE_PAGE__PORT"), ("TAPELINE_PAGE_PORT", "TAPELINE_PAGE__PORT"),
        ("TAPELINE_DATADIR", "TAPELINE_DATA_DIR"), ("TAPELINE_SYMBOL", "TAPELINE_SYMBOLS"),
    ],
)  # fmt: skip
def test_a_slip_in_a_variable_is_named_with_what_was_meant(
    monkeypatch: pytest.MonkeyPatch, variable: str, meant: str
) -> None:
    monkeypatch.setenv(variable, "hunter22")
    with pytest.raises(ConfigError, match=rf"{variable} in the environment: did you mean {meant}\?$"):
        config.load()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('alerts = ["rsi < 30"]', r"alerts is now called alerts.rules: write rules in the table \[alerts\]"),
        ('smtp_password = "hunter22"', "smtp_password is now called mail.password: write password in the table"),
        ('datadir = "hunter22"', "there is no setting datadir: did you mean data_dir?"),
        ("[pages]\nport = 22", "there is no setting pages: did you mean page?"),
        ('[page]\nx9 = "hunter22"', "there is no setting page.x9; there are page.host, page.port, "),
        ('[mail]\npasswort = "hunter22"', "there is no setting mail.passwort: did you mean mail.password?"),
        ("[aws", "tapeline.toml: not valid TOML"),
    ],
)
def test_a_wrong_name_in_the_file_is_refused_with_the_right_one(text: str, says: str) -> None:
    Path("tapeline.toml").write_text(text)
    with pytest.raises(ConfigError, match=says) as caught:
        config.load()
    assert "hunter22" not in str(caught.value)


def test_every_renamed_setting_names_one_that_exists() -> None:
    assert set(settings_file.RENAMED.values()) <= config.all_settings().keys()
    assert not set(settings_file.RENAMED) & (config.all_settings().keys() - {"alerts"})


def test_a_group_that_is_no_table_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAPELINE_AWS", "bucket")
    with pytest.raises(ConfigError, match="aws"):
        config.load()


SECRET = "hunter2-" + "x" * 20

#: Ways to put a secret where it is not expected, in the file.
MISPLACED = [
    "smtp_passwort = '{}'",
    "smtp_password = '{}'",
    "alert_webook = 'https://hooks.slack.com/services/{}'",
    "mail = '{}'",
    "mail = ['{}']",
    "page = '{}'",
    "[mail]\npasswort = '{}'",
    "[mail]\npassword = ['{}']",
    "[mail.password]\nvalue = '{}'",
    "[page]\ntocken = '{}'",
    "[page]\ntoken = {{ value = '{}' }}",
    "[page.host]\ntoken = '{}'",
    "[alerts]\nwebook = 'https://hooks.slack.com/services/{}'",
    "[alerts]\nwebhook = 'http://hooks.slack.com/services/{}'",
    "[alerts]\nwebhook = ['https://hooks.slack.com/services/{}']",
    "[alert]\nwebhook = 'https://hooks.slack.com/services/{}'",
    "[[mail]]\npassword = '{}'",
    "password = '{}",
    "[mail]\npassword = '{}'\npassword = '{}'",
]


@pytest.mark.parametrize("text", MISPLACED)
def test_a_misspelt_or_misplaced_secret_is_refused_without_being_shown(text: str) -> None:
    Path("tapeline.toml").write_text(text.replace("{}", SECRET).replace("{{", "{").replace("}}", "}"))
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "variable",
    [
        "MAIL",
        "MAIL__PASSWORT",
        "MAIL__PASSWORD__VALUE",
        "PAGE",
        "PAGE__TOCKEN",
        "ALERTS__WEBOOK",
        "ALERTS__WEBHOOK",
        "AWS",
    ],
)
def test_a_secret_in_a_misspelt_variable_is_refused_without_being_shown(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"TAPELINE_{variable}", f"http://{SECRET}")
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert "hunter2" not in str(caught.value)


def test_a_wrong_entry_of_a_list_is_shown() -> None:
    Path("tapeline.toml").write_text("symbols = ['A', 7]")
    with pytest.raises(ConfigError, match=r"setting symbols\.1 = 7: "):
        config.load()
