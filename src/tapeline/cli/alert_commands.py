"""`tapeline alerts`: add, list and remove rules, and try one on a file of bars."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tapeline.cli.console import notice, print_json, print_table
from tapeline.cli.file_options import AS_FOUND, FileReading, reads_files
from tapeline.cli.options import DataDir, File, Json
from tapeline.errors import ModelError, NotFoundError, SpecError
from tapeline.forecast import DEFAULT_NAME

if TYPE_CHECKING:
    from tapeline.alerts.rules import Rule
    from tapeline.alerts.service import Alerts
    from tapeline.app.config import Settings
    from tapeline.forecast.model import LightGBMModel
    from tapeline.forecast.range_model import RangeModel

RuleText = Annotated[str, typer.Argument(metavar="RULE", help="Such as 'rsi_14 < 30 for TSLA'.", show_default=False)]

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
    from tapeline.app import config

    with _alerts(config.load(data_dir=data_dir), create=True) as alerts:
        assert alerts is not None  # noqa: S101 - it was created
        kept = alerts.add(rule)
        notice(f"{kept.rule.id}  {kept.rule.text}")


@app.command()
def remove(
    rule: Annotated[str, typer.Argument(metavar="ID", help="See `tapeline alerts list`.", show_default=False)],
    data_dir: DataDir = None,
) -> None:
    """Remove a rule by its id. The alerts that it fired are kept."""
    from tapeline.app import config

    with _alerts(config.load(data_dir=data_dir), create=False) as alerts:
        if alerts is None:
            raise NotFoundError(f"there is no rule {rule}: no rule was ever added here")
        alerts.remove(rule)
        notice(f"{rule} is removed")


@app.command("list")
def list_(
    fired: Annotated[bool, typer.Option("--fired", help="List what fired, newest first, not the rules.")] = False,
    last: Annotated[int, typer.Option(help="With --fired: how many of the newest alerts.", min=1)] = 50,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """List the rules, or what they fired and how it was delivered."""
    from tapeline.alerts.grammar import parse_rule
    from tapeline.app import config

    settings = config.load(data_dir=data_dir)
    with _alerts(settings, create=False) as alerts:
        if fired:
            _print_fired([asdict(alert) for alert in alerts.newest(last)] if alerts else [], as_json=json)
            return
        if alerts:
            rules = [kept.as_json() for kept in alerts.rules()]
        else:
            own = map(parse_rule, settings.alerts.rules)
            rules = [{"id": r.id, "text": r.text, "source": "settings", "removable": False} for r in own]
    if json:
        print_json(rules)
    elif rules:
        print_table(("id", "from", "rule"), ([each["id"], each["source"], each["text"]] for each in rules))
    else:
        notice("no rules yet: tapeline alerts add 'rsi_14 < 30'")


@app.command("test")
@reads_files()
def rehearse(
    rule: RuleText, file: File, reading: FileReading = AS_FOUND, data_dir: DataDir = None, json: Json = False
) -> None:
    """Print when a rule would have fired on the bars of a file, as if they had come one by one.

    A rule about predictions, or about the expected move, uses the data directory's model in use, on bars that it was
    not trained on.
    """
    from tapeline.alerts.grammar import parse_rule
    from tapeline.alerts.range_terms import is_range_term
    from tapeline.alerts.rehearsal import Rehearsal
    from tapeline.app import config
    from tapeline.cli.bar_files import open_all, read_bars
    from tapeline.runtime.processor import Processor

    settings = config.load(data_dir=data_dir)
    parsed = parse_rule(rule)
    model = _model(settings) if parsed.predictions else None
    if parsed.forming:
        notice("a file has no forming bars; the rule is judged on its final ones")
    source = open_all([file], reading)
    if model is not None:
        model.check_interval(source.scan().interval)
    if model is not None and source.scan().end <= model.trained_until:
        notice(f"the model {model.version} was trained on all of these bars: it predicts none of them")
    ranges = _range_model(settings) if any(map(is_range_term, parsed.columns)) else None
    if ranges is not None:
        ranges.check(source.scan().interval)
    processor = Processor(_specs(parsed), model, range_model=ranges)
    rehearsal = Rehearsal(parsed, {} if ranges is None else {ranges.version: ranges})
    found: list[dict[str, Any]] = []
    done = 0
    for bars in read_bars(source, "judging", quiet=json):
        found += rehearsal.judge(processor.step(bars).rows)
        done += len(bars)
    if json:
        print_json(found)
        return
    print_table(
        ("time (UTC)", "symbol", "price", "what was seen"),
        ((each["time"], each["symbol"], _price(each["price"]), each["text"]) for each in found),
    )
    notice(f"{parsed.text}: fired {len(found):,} times on {done:,} bars")


def _specs(rule: Rule) -> list[str]:
    """Return the indicators that a rule reads."""
    from tapeline.alerts.range_terms import is_range_term
    from tapeline.indicators.spec import spec_of_output

    found: dict[str, None] = {}
    for name in rule.columns:
        if is_range_term(name):
            continue
        with contextlib.suppress(SpecError):  # price, volume, probability
            found[spec_of_output(name)[0].text] = None
    return list(found)


def _model(settings: Settings) -> LightGBMModel:
    from tapeline.app.data_directory import models_in

    models = models_in(settings.data_dir)
    if models.current(DEFAULT_NAME) is None:
        raise ModelError(
            f"a rule about predictions needs a model, and there is none in {settings.data_dir}: `tapeline train` makes "
            "one, --data-dir names another folder"
        )
    return models.load(DEFAULT_NAME)


def _range_model(settings: Settings) -> RangeModel:
    from tapeline.app.data_directory import ranges_in

    return ranges_in(settings.data_dir).load(DEFAULT_NAME)


def _print_fired(alerts: list[dict[str, Any]], *, as_json: bool) -> None:
    from tapeline.alerts.rule_state import utc

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
