"""`tapeline alerts`: add, list and remove rules, and try one on stored bars or a file."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.cli.console import Ticker, notice, print_json, print_table, utc_text
from tapeline.cli.file_options import AS_FOUND, FileReading, reads_files
from tapeline.cli.options import DataDir, Json
from tapeline.errors import NotFoundError

if TYPE_CHECKING:
    from tapeline.alerts.rules import Rule
    from tapeline.alerts.service import Alerts
    from tapeline.app.config import Settings

RuleText = Annotated[str, typer.Argument(metavar="RULE", help="Such as 'rsi_14 < 30 for TSLA'.", show_default=False)]

RuleId = Annotated[str, typer.Argument(metavar="ID", help="See `tapeline alerts list`.", show_default=False)]

#: Where a rule comes from, by `KeptRule.source`.
_ORIGIN = {"settings": "settings", "page": "page or command line"}

app = typer.Typer(help="Add, list, remove or try alert rules, and list what fired.", no_args_is_help=True)


@contextlib.contextmanager
def _alerts(settings: Settings, *, create: bool) -> Iterator[Alerts | None]:
    """Open the alerts of the data directory; None where none were ever kept and none are to be."""
    from tapeline.alerts.journal import JOURNAL_FILE, Journal
    from tapeline.alerts.service import Alerts

    path = settings.data_dir / JOURNAL_FILE
    if not create and not path.exists():
        yield None
        return
    with contextlib.closing(Journal(path, create=create)) as journal:
        for line in journal.damage():
            notice(f"{path}: {line}; `tapeline check --repair` removes them")
        yield Alerts(journal, settings.alerts.rules)


@app.command()
def add(rule: RuleText, data_dir: DataDir = None) -> None:
    """Add a rule. A program that runs over this data directory uses it within a second."""
    from tapeline.app.data_directory import settings_for_reading

    settings = settings_for_reading(data_dir)
    with _alerts(settings, create=True) as alerts:
        assert alerts is not None  # noqa: S101 - it was created
        kept = alerts.add(rule)
        notice(f"{kept.rule.id}  {kept.rule.text}")
    _name_unknown(kept.rule, settings)


def _name_unknown(rule: Rule, settings: Settings) -> None:
    """Say which symbols of a rule have no bars: it waits for them, or one is mistyped."""
    from tapeline.alerts.stored_rehearsal import unknown_symbols
    from tapeline.app.data_directory import DATABASE_FILE
    from tapeline.cli.stored_data import open_stored

    if rule.symbols and (settings.data_dir / DATABASE_FILE).exists():
        with open_stored(settings.data_dir) as directory:
            for symbol in unknown_symbols(rule, directory.store):
                notice(f"{symbol} has no bars yet: the rule waits for some, unless it is mistyped")


@app.command()
def remove(rule_id: RuleId, data_dir: DataDir = None) -> None:
    """Remove a rule by its id. The alerts that it fired are kept."""
    with _known(data_dir) as alerts:
        alerts.remove(rule_id)
        notice(f"{rule_id} is removed")


@app.command()
def edit(rule_id: RuleId, rule: RuleText, data_dir: DataDir = None) -> None:
    """Put another rule in the place of one. It begins anew; the alerts of the first are kept."""
    with _known(data_dir) as alerts:
        kept = alerts.edit(rule_id, rule)
        notice(f"{kept.rule.id}  {kept.rule.text}")


@app.command()
def pause(rule_id: RuleId, data_dir: DataDir = None) -> None:
    """Stop judging a rule, until `tapeline alerts resume`."""
    with _known(data_dir) as alerts:
        notice(f"paused: {alerts.pause(rule_id, paused=True).rule.text}")


@app.command()
def resume(rule_id: RuleId, data_dir: DataDir = None) -> None:
    """Judge a paused rule again, from now on."""
    with _known(data_dir) as alerts:
        notice(f"judged again: {alerts.pause(rule_id, paused=False).rule.text}")


@contextlib.contextmanager
def _known(data_dir: Path | None) -> Iterator[Alerts]:
    """Open the alerts of the data directory. Raises `NotFoundError` where no rule was ever added."""
    from tapeline.app.data_directory import settings_for_reading

    settings = settings_for_reading(data_dir)
    with _alerts(settings, create=bool(settings.alerts.rules)) as alerts:
        if alerts is None:
            raise NotFoundError("no rule was ever added here: tapeline alerts add 'rsi_14 < 30'")
        yield alerts


@app.command("list")
def list_(
    fired: Annotated[bool, typer.Option("--fired", help="List what fired, newest first, not the rules.")] = False,
    of: Annotated[str | None, typer.Option("--of", help="With --fired: only of this rule.", show_default=False)] = None,
    last: Annotated[int, typer.Option(help="With --fired: how many of the newest alerts.", min=1)] = 50,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the rules, or what they fired and how it was delivered."""
    from tapeline.alerts.grammar import parse_rule
    from tapeline.app.data_directory import settings_for_reading

    settings = settings_for_reading(data_dir)
    with _alerts(settings, create=False) as alerts:
        if fired:
            _print_fired([asdict(alert) for alert in alerts.newest(last, of)] if alerts else [], as_json=json)
            return
        if alerts:
            rules = [kept.as_json() for kept in alerts.rules()]
        else:
            from tapeline.alerts.service import KeptRule

            rules = [KeptRule(parse_rule(text), "settings").as_json() for text in settings.alerts.rules]
    if json:
        print_json(rules)
    elif rules:
        print_table(
            ("id", "from", "judged", "rule"),
            (
                [each["id"], _ORIGIN[each["source"]], "paused" if each["paused"] else "yes", each["text"]]
                for each in rules
            ),
        )
    else:
        notice("no rules yet: tapeline alerts add 'rsi_14 < 30'")


@app.command("test")
@reads_files()
def rehearse(
    rule: RuleText,
    file: Annotated[
        Path | None, typer.Argument(help="CSV or Parquet file of bars.  [default: stored bars]", show_default=False)
    ] = None,
    last: Annotated[str, typer.Option(help="How much of the stored bars, such as 12h, 7d or 4w.")] = "7d",
    reading: FileReading = AS_FOUND,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Print when a rule would have fired on stored bars, or on the bars of a file, as if they had come one by one.

    Over stored bars, predictions and the expected move are those that were made at the time. Over a file, they are
    those of the data directory's model in use, on bars that it was not trained on.
    """
    from tapeline.cli.rehearsing import TRYING, over_file, over_stored

    with Ticker(TRYING, None, quiet=json):  # importing what reads a rule takes longer than a person waits unasked
        from tapeline.alerts.grammar import parse_rule

        parsed = parse_rule(rule)
    if parsed.forming:
        notice("bars of the past are final; the rule is judged on these")
    if file is None:
        fired, said = over_stored(parsed, last, data_dir, quiet=json)
    else:
        fired, said = over_file(parsed, file, reading, data_dir, quiet=json)
    if json:
        print_json(fired)
        return
    print_table(
        ("time (UTC)", "symbol", "price", "what was seen"),
        ((utc_text(each["timestamp"]), each["symbol"], _price(each["price"]), each["text"]) for each in fired),
    )
    notice(f"{parsed.text}: {said}")


def _print_fired(alerts: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(alerts)
    elif alerts:
        columns = ("time (UTC)", "symbol", "rule", "what was seen", "delivered")
        print_table(
            columns,
            ([utc_text(a["timestamp"]), a["symbol"], a["rule"], a["text"], _deliveries(a)] for a in alerts),
        )
    else:
        notice("nothing has fired yet")


def _deliveries(alert: dict[str, Any]) -> str:
    return ", ".join(
        f"{each['channel']} {each['state']}" + (f" ({each['error']})" if each["error"] else "")
        for each in alert["deliveries"]
    )  # fmt: skip


def _price(price: float | None) -> str:
    return "-" if price is None else f"{price:.10g}"
