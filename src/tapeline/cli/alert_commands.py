"""`tapeline alerts`: rules, what they fired, and when one would have fired on a file of bars."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from tapeline.alerts import (
    Alerts,
    parse_rule,
)
from tapeline.alerts.journal import JOURNAL_FILE, Journal
from tapeline.alerts.names import output_of
from tapeline.alerts.rehearsal import Rehearsal
from tapeline.alerts.rule_state import utc
from tapeline.alerts.rules import Rule
from tapeline.app import config
from tapeline.app.config import Settings
from tapeline.backends.files.file_registry import LocalFolder
from tapeline.cli.console import CommandError, Ticker, notice, print_json, print_table
from tapeline.core.ports import Predictor
from tapeline.errors import InputError, ModelError, RuleError, SpecError, StorageError
from tapeline.feeds.files import FileSource
from tapeline.forecast.registry import DEFAULT_NAME, Registry
from tapeline.runtime.processor import Processor

DataDir = Annotated[Path | None, typer.Option(help="Folder of the database.  \\[default: tapeline-data]")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout, for machines.")]
RuleText = Annotated[str, typer.Argument(metavar="RULE", help="Such as 'rsi_14 < 30 for TSLA'.", show_default=False)]

app = typer.Typer(help="Add, list, remove or try alert rules, and list what fired.", no_args_is_help=True)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except RuleError as error:
        raise CommandError(f"not a rule: {error}") from error
    except (InputError, StorageError, ModelError) as error:
        raise CommandError(str(error)) from error


@contextlib.contextmanager
def _alerts(settings: Settings, *, create: bool) -> Iterator[Alerts | None]:
    """The alerts of the data directory, None where none were ever kept."""
    path = settings.data_dir / JOURNAL_FILE
    with _explained():
        if not create and not path.exists():
            yield None
            return
        journal = Journal(path, create=create)
        try:
            yield Alerts(journal, settings.alerts)
        finally:
            journal.close()


@app.command()
def add(rule: RuleText, data_dir: DataDir = None) -> None:
    """Add a rule. What runs over this data directory takes it up within a second."""
    with _alerts(config.load(data_dir=data_dir), create=True) as alerts:
        assert alerts is not None  # noqa: S101 - it was created
        kept = alerts.add(rule)
        notice(f"{kept.rule.id}  {kept.rule.text}")


@app.command()
def remove(
    rule: Annotated[str, typer.Argument(metavar="ID", help="See `tapeline alerts list`.", show_default=False)],
    data_dir: DataDir = None,
) -> None:
    """Remove a rule by its id. What it fired is kept."""
    with _alerts(config.load(data_dir=data_dir), create=False) as alerts:
        try:
            if alerts is None:
                raise KeyError(rule)
            alerts.remove(rule)
        except KeyError:
            raise CommandError(f"there is no rule {rule}: tapeline alerts list") from None
        notice(f"{rule} is removed")


@app.command("list")
def list_(
    fired: Annotated[bool, typer.Option("--fired", help="What fired, newest first, instead of the rules.")] = False,
    last: Annotated[int, typer.Option(help="With --fired: only the newest so many.", min=1)] = 50,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the rules, or what they fired and how it was delivered."""
    settings = config.load(data_dir=data_dir)
    with _alerts(settings, create=False) as alerts:
        if fired:
            _print_fired(alerts.newest(last) if alerts else [], as_json=json)
        elif alerts:
            _print_rules([kept.as_json() for kept in alerts.rules()], as_json=json)
        else:
            own = [parse_rule(text) for text in settings.alerts]
            _print_rules(
                [{"id": r.id, "text": r.text, "source": "settings", "removable": False} for r in own], as_json=json
            )


@app.command("test")
def rehearse(
    rule: RuleText,
    file: Annotated[Path, typer.Argument(help="CSV, CSV.gz or Parquet file of bars.", show_default=False)],
    zone: Annotated[str, typer.Option(help="Time zone of timestamps that name none.")] = "UTC",
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Print when a rule would have fired on the bars of a file, as if they had come one by one.

    A rule about predictions is answered by the data directory's model in use, on bars that it was not trained on.
    """
    settings = config.load(data_dir=data_dir)
    with _explained():
        parsed = parse_rule(rule)
        model = _model(settings) if parsed.predictions else None
    if parsed.forming:
        notice("a file has no forming bars; the rule is judged on its final ones")
    source = FileSource([file], zone=zone)
    if source.problems:
        raise CommandError(source.problems[0])
    scan = source.scan()
    if model is not None and scan.end <= model.trained_until:
        notice(f"the model {model.version} was trained on all of these bars: it predicts none of them")
    processor = Processor(_specs(parsed), model)
    rehearsal = Rehearsal(parsed)
    found: list[dict[str, Any]] = []
    done = rejected = 0
    with Ticker("judging", scan.rows, quiet=json) as ticker:
        for delivery in source.deliveries(""):
            rejected += len(delivery.rejects)
            found += rehearsal.judge(processor.step(delivery.bars).rows)
            done += len(delivery.bars)
            ticker.show(done)
    if json:
        print_json(found)
    else:
        print_table(
            ("time (UTC)", "symbol", "price", "what was seen"),
            ((each["time"], each["symbol"], _price(each["price"]), each["text"]) for each in found),
        )
        notice(f"{parsed.text}: fired {len(found):,} times on {done:,} bars")
    if rejected:
        notice(f"{rejected:,} records were left out; `tapeline replay` keeps them with their reasons")


def _specs(rule: Rule) -> list[str]:
    """The indicators that a rule reads."""
    found: dict[str, None] = {}
    for name in rule.columns:
        with contextlib.suppress(SpecError):  # price, volume, probability
            found[output_of(name)[0].text] = None
    return list(found)


def _model(settings: Settings) -> Predictor:
    models = Registry(LocalFolder(settings.data_dir / "models"))
    if models.current(DEFAULT_NAME) is None:
        raise CommandError(
            f"a rule about predictions needs a model, and there is none in {settings.data_dir}: `tapeline train` makes "
            "one, --data-dir names another folder"
        )
    return models.load(DEFAULT_NAME)


def _print_rules(rules: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rules)
    elif rules:
        print_table(("id", "from", "rule"), ([each["id"], each["source"], each["text"]] for each in rules))
    else:
        notice("no rules yet: tapeline alerts add 'rsi_14 < 30'")


def _print_fired(alerts: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(alerts)
    elif alerts:
        columns = ("time (UTC)", "symbol", "rule", "what was seen", "delivered")
        print_table(columns, ([utc(a["timestamp"]), a["symbol"], a["rule"], a["text"], _deliveries(a)] for a in alerts))
    else:
        notice("nothing has fired yet")


def _deliveries(alert: dict[str, Any]) -> str:
    return ", ".join(
        f"{each['channel']} {each['state']}" + (f" ({each['error']})" if each["error"] else "")
        for each in alert["deliveries"]
    )  # fmt: skip


def _price(price: float | None) -> str:
    return "-" if price is None else f"{price:.10g}"
