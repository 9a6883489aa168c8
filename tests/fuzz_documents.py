"""Fuzz the files and texts that a user, a model's author or a damaged disk brings: models, settings, rules, states."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
from hypothesis import strategies as st

from tapeline.alerts.grammar import LONGEST_RULE, parse_rule
from tapeline.alerts.rule_state import BarValues, State, step
from tapeline.alerts.rules import Silence
from tapeline.app import config, settings_file
from tapeline.core.market import Bar, Bars, Floats
from tapeline.core.messages import SymbolState
from tapeline.core.symbol_forms import symbol_fault
from tapeline.errors import ConfigError, DecodeError, InputError, ModelError, RuleError, SpecError, StorageError
from tapeline.feeds.live.watchlist import Watchlist
from tapeline.forecast.metadata_checks import LONGEST_HORIZON
from tapeline.forecast.model import METADATA, LightGBMModel, Metadata, verified, version_of
from tapeline.forecast.npy import packed, unpacked
from tapeline.forecast.registry import Registry
from tapeline.forecast.trees import parse as parse_trees
from tapeline.indicators import CATALOGUE, Engine, parse
from tapeline.indicators.engine.snapshots import pack
from tapeline.indicators.spec import spec_of_output
from tapeline.research.training import fit
from tapeline.runtime.processor import Processor
from tapeline.web.users import Role, Users
from tests.daily import daily_bars
from tests.fuzz_values import Target, anything, assert_line, assert_probabilities, damaged, or_anything, scalars

SECRET = "a-secret-that-no-error-shows"

# -- models ------------------------------------------------------------------------------------------------------------


@cache
def model() -> LightGBMModel:
    return fit([daily_bars(symbols=3, count=400, reversal=1.5)], rounds=5)


@cache
def rows() -> Floats:
    return np.random.default_rng(0).normal(size=(50, len(model().features)))


FIELDS = [field.name for field in dataclasses.fields(Metadata)]


@st.composite
def metadata(draw: st.DrawFn) -> bytes:
    """Draw the metadata of a model with some fields replaced, often with hashes that fit what it says."""
    files = model().dump()
    if draw(st.integers(0, 4)) == 0:
        return draw(damaged(st.just(files[METADATA])))
    changes = draw(st.dictionaries(st.sampled_from([*FIELDS, "format", "version", "band", "text_sha256"]), anything))
    document = json.loads(files[METADATA]) | changes
    if draw(st.booleans()):
        try:
            document["version"] = version_of(model().text, Metadata.of(document))
        except ModelError:
            pass
    return json.dumps(document).encode("utf-8", "surrogatepass")


def check_metadata(content: bytes) -> None:
    files = model().dump() | {METADATA: content}
    try:
        verified(files)
        found = LightGBMModel.restore(files)
    except ModelError as error:
        assert_line(error)
        return
    assert 1 <= found.metadata.horizon <= LONGEST_HORIZON
    assert_probabilities(found.predict(rows()))


numbers = st.sampled_from(
    ("0", "-1", "1", "2147483647", "2147483648", "-2147483649", "9" * 40, "nan", "inf", "-inf", "1e999", "x", "", "0 0")
) | st.integers(-40, 40).map(str)


@st.composite
def tree_texts(draw: st.DrawFn) -> str:
    """Draw LightGBM's text of a model with some numbers replaced, lines dropped, or bytes damaged."""
    lines = model().text.split("\n")
    if draw(st.integers(0, 3)) == 0:
        return draw(damaged(st.just(model().text.encode()))).decode("utf-8", "replace")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        name, equals, values = lines[at].partition("=")
        kind = draw(st.sampled_from(("number", "number", "number", "drop", "repeat", "short")))
        words = values.split(" ")
        if kind == "drop":
            del lines[at]
        elif kind == "repeat":
            lines[at:at] = lines[at : at + draw(st.integers(1, 12))]
        elif kind == "short":
            lines[at] = name + equals + " ".join(words[:-1])
        else:
            words[draw(st.integers(0, len(words) - 1))] = draw(numbers)
            lines[at] = name + equals + " ".join(words)
    return "\n".join(lines)


def check_trees(text: str) -> None:
    try:
        found = parse_trees(text, len(model().features))
    except ModelError as error:
        assert_line(error)
        return
    assert np.isfinite(found.score(rows())).all()


@st.composite
def arrays(draw: st.DrawFn) -> bytes:
    """Draw an array in NumPy's format, honest, damaged, or with a claim about itself that is none."""
    shape = draw(st.lists(st.integers(0, 4), max_size=3))
    content = packed(np.zeros(shape))
    if draw(st.booleans()):
        return draw(damaged(st.just(content)))
    claim = draw(st.one_of(
        st.lists(st.integers(-3, 2**70), max_size=4).map(tuple).map(str), st.text(max_size=12),
        st.sampled_from(("(True, 2)", "(1, )", "((1,),)", "(1e9,)", "(-1,)", "[3]", "{}", "(" * 200, "(9" * 90 + ",)")),
    ))  # fmt: skip
    kind = draw(st.sampled_from(("'<f8'", "'|O'", "'<U9'", "[('a', '<f8')]", "'<f2'", "'>f8'", "7", "'<M8[s]'")))
    header = (
        f"{{'descr': {kind}, 'fortran_order': {draw(st.sampled_from(('False', 'True', '5')))}, 'shape': {claim}, }}"
    )
    encoded = header.encode("latin-1", "replace") + b"\n"
    magic = b"\x93NUMPY" + bytes([draw(st.integers(0, 3)), draw(st.integers(0, 1))])
    return magic + len(encoded).to_bytes(2, "little") + encoded + draw(st.binary(max_size=64))


def check_array(body: bytes) -> None:
    try:
        found = unpacked(body)
    except ValueError:
        return
    assert found.dtype.kind == "f"
    assert found.nbytes <= len(body)


class MemoryFolder:
    """A folder of a registry in memory."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read(self, key: str) -> bytes:
        if key not in self.files:
            raise FileNotFoundError(key)
        return self.files[key]

    def write(self, key: str, content: bytes) -> None:
        self.files[key] = content

    def keys(self, prefix: str) -> Iterator[str]:
        yield from [key for key in self.files if key.startswith(prefix)]


@cache
def registered() -> dict[str, bytes]:
    folder = MemoryFolder()
    for name in ("default", "other"):
        Registry(folder).save(name, model())
        Registry(folder).promote(name, model().version, at=1)
    return folder.files


@st.composite
def registry_files(draw: st.DrawFn) -> dict[str, bytes]:
    """Draw what some files of the model `other` are instead, and files that nobody put there."""
    keys = sorted(key for key in registered() if key.startswith("other/"))
    pointer = anything.map(lambda value: {"format": 1, "promotions": value}) | st.fixed_dictionaries({
        "format": or_anything(st.just(1)),
        "promotions": or_anything(st.lists(or_anything(st.fixed_dictionaries({"version": scalars, "at": scalars})))),
    })  # fmt: skip
    found: dict[str, bytes] = {}
    for key in draw(st.lists(st.sampled_from(keys), max_size=2, unique=True)):
        document = pointer.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
        found[key] = draw(document if key.endswith("current.json") else damaged(st.just(registered()[key])))
    strange = st.sampled_from(
        (
            "other/../x/metadata.json",
            "other//metadata.json",
            "/other/a/metadata.json",
            "other/\x1b[2J/metadata.json",
            "other/a/metadata.json",
            "default/\n/metadata.json",
        )
    )
    return found | draw(st.dictionaries(strange, st.binary(max_size=20), max_size=2))


def check_registry(changed: dict[str, bytes]) -> None:
    folder = MemoryFolder()
    folder.files = {**registered(), **changed}
    registry = Registry(folder)
    listing = registry.listing()
    assert [entry.version for entry in listing.entries if entry.name == "default"] == [model().version]
    for fault in listing.faults:
        assert "\n" not in fault
        assert fault.isprintable()
    assert registry.load("default").version == model().version
    for act in (registry.current, registry.load, registry.rollback):
        try:
            act("other")
        except ModelError as error:
            assert_line(error)


# -- files of the data directory ---------------------------------------------------------------------------------------

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"
user_entry = st.fixed_dictionaries({"role": or_anything(st.sampled_from(("viewer", "admin"))), "hash": or_anything(
    st.just(HASH))})  # fmt: skip
user_documents = st.fixed_dictionaries({}, optional={
    "format": or_anything(st.just(1)),
    "users": or_anything(st.dictionaries(st.text(max_size=6), or_anything(user_entry), max_size=4)),
})  # fmt: skip
user_bytes = user_documents.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
user_files = st.one_of(
    user_bytes, damaged(user_bytes), anything.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
    st.binary(max_size=60), st.integers(1, 100_000).map(lambda depth: b"[" * depth),
)  # fmt: skip


def check_users(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        users = Users(Path(folder) / "users.json")
        users.path.write_bytes(content)
        try:
            found = users.load()
        except InputError as error:
            assert_line(error)
            assert users.path.read_bytes() == content
            return
    assert all(isinstance(user.role, Role) and isinstance(user.hash, str) for user in found.values())


watch_lists = st.one_of(
    st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=60),
    damaged(st.just(b"TSLA\nAAPL\nBTC-USD\n")), st.integers(1, 300_000).map(lambda count: b"A" * count),
    st.integers(1, 50_000).map(lambda count: "\n".join(f"S{k}" for k in range(count)).encode()),
)  # fmt: skip


def check_watchlist(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        listed = Watchlist(Path(folder) / "watchlist.txt")
        listed.path.write_bytes(content)
        try:
            found = listed.load()
        except StorageError as error:
            assert_line(error)
            return
    assert len(set(found)) == len(found)
    assert not any(symbol_fault(symbol) for symbol in found)


# -- settings ----------------------------------------------------------------------------------------------------------

SETTINGS = sorted(config.all_settings())
SHOWN = [name for name in SETTINGS if name not in {"page.token", "alerts.webhook", "mail.password"}]
toml_values = st.one_of(
    st.integers().map(str), st.sampled_from(("true", "nan", "1979-05-27", "[]", "{}", "[1, [2]]", "9" * 5000, "0x1f")),
    st.floats().map(str), st.text(max_size=20).map(json.dumps),
    st.lists(st.text(max_size=8), max_size=3).map(json.dumps),
    st.integers(1, 60_000).map(lambda depth: "[" * depth), st.just(json.dumps(SECRET)),
    st.integers(1, 20_000).map(lambda depth: "{a=" * depth),
)  # fmt: skip
toml_names = st.sampled_from([*SETTINGS, "page.tokem", "alerts.webook", "smtp_passwort", "page", "a.b.c", '"\\u001b"'])
toml_lines = st.tuples(toml_names, toml_values).map(lambda pair: f"{pair[0]} = {pair[1]}")
toml_texts = st.lists(toml_lines, max_size=4).map("\n".join)
setting_files = st.one_of(
    toml_texts.map(lambda text: text.encode("utf-8", "surrogatepass")), st.binary(max_size=80),
    damaged(toml_texts.map(lambda text: text.encode("utf-8", "surrogatepass"))),
    st.integers(1, 50_000).map(lambda depth: b"a." * depth + b"a=1"),
)  # fmt: skip
variables = st.dictionaries(
    st.sampled_from([config.variable(name) for name in SETTINGS] + ["TAPELINE_PAGE", "TAPELINE_PAGE__TOKEM"]),
    st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=30) | st.just(SECRET),
    max_size=2,
)  # fmt: skip


def check_settings(value: tuple[bytes, dict[str, str]]) -> None:
    content, environment = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tapeline.toml"
        path.write_bytes(content)
        with mock.patch.object(settings_file, "CONFIG_FILE", path), mock.patch.dict(os.environ, environment):
            try:
                found = config.load()
            except ConfigError as error:
                assert_line(error)
                told = str(error)
            else:
                told = repr((found.page.token, found.alerts.webhook, found.mail.password))
    if SECRET in told:  # only where it was given as what is no secret
        (name,) = re.findall(r"^setting (\S+) = ", told)
        assert name in SHOWN


# -- specs and rules ---------------------------------------------------------------------------------------------------

words = st.sampled_from([*CATALOGUE, "rsi_14", "macd", "signal", "0", "1", "14", "1.5", "-3", "1e9", "9" * 300, "nan"])
specs = st.one_of(st.text(max_size=30), st.lists(words | st.text(max_size=5), max_size=6).map("_".join))


def check_spec(text: str) -> None:
    try:
        found = parse(text)
    except SpecError as error:
        assert_line(error)
    else:
        assert parse(found.text).text == found.text
        assert all(bars >= 0 for bars in found.warm_up)
    try:
        spec, column = spec_of_output(text)
    except SpecError as error:
        assert_line(error)
    else:
        assert column in spec.outputs


rule_words = st.one_of(
    st.sampled_from((
        "rsi_14", "price", "sma_50", "volume", "probability", "prediction", "changes", "to", "is", "UP", "DOWN", "with",
        "crosses", "above", "below", "and", "or", "(", ")", "<", "<=", ">", ">=", "*", "1", "30", "-0.5", "1e6",
        "1e999",
        "9" * 400, "nan", "no", "bar", "for", "3", "minutes", "in", "an", "open", "session", "TSLA", ",", "quiet", "on",
        "forming", "final", "bars", "reset", "days", "hours",
    )),
    st.text(max_size=6), specs,
)  # fmt: skip
right_rules = st.sampled_from((
    "rsi_14 < 30 reset 35", "price crosses above sma_50 for TSLA, AAPL",
    "prediction changes to UP with probability > 0.6",
    "no bar for 3 minutes in an open session", "(price > 1 or volume > 2) and rsi_14 < 30 quiet 1 day on forming bars",
))  # fmt: skip
rules = st.one_of(
    st.lists(rule_words, max_size=14).map(" ".join), st.text(max_size=40),
    damaged(right_rules.map(str.encode)).map(lambda data: data.decode("utf-8", "replace")),
    st.integers(1, 100_000).map(lambda depth: "(" * depth),
    st.integers(1, 300).map(lambda depth: "(" * depth + "price"),
)  # fmt: skip


def assert_place(error: RuleError, text: str) -> None:
    assert 0 <= error.place <= max(len(text), LONGEST_RULE)


def check_rule(text: str) -> None:
    try:
        rule = parse_rule(text)
    except RuleError as error:
        assert_line(error)
        assert_place(error, text)
        return
    assert parse_rule(rule.text).id == rule.id
    if isinstance(rule.condition, Silence):
        return
    state = State()
    for number, value in enumerate((math.nan, 1.0, 1e308, -1.0)):
        seen = BarValues(60_000 * number, True, dict.fromkeys(rule.columns, value), number % 4)
        state, _ = step(rule, state, seen)
        state = State.load(state.dump())


# -- engine states -----------------------------------------------------------------------------------------------------

FORGED = (
    math.nan,
    math.inf,
    -math.inf,
    -1.0,
    -2.0,
    -1e9,
    1e9,
    1e300,
    2.0**53,
    2.0**63,
    -(2.0**63),
    0.5,
    0.0,
    -0.0,
    1.0,
)
BARS_SEEN, BARS_AFTER = 300, 20


def bars(first: int, count: int, symbol: str = "A") -> Bars:
    price = 100 + np.sin(0.7 * np.arange(first, first + count)) * 3
    return Bars.of(
        Bar(symbol, 60_000 * (first + i), p, p + 1, p - 1, p, 10.0) for i, p in enumerate(price.tolist())
    )  # fmt: skip


@cache
def seen(spec: str) -> tuple[Engine, Floats, Floats]:
    """Return an engine that has seen bars of B, the row of A after the same bars, and what B gets next."""
    engine = Engine((spec,))
    for symbol in ("A", "B", "C"):
        engine.update(bars(0, BARS_SEEN, symbol))
    row = engine._state[engine.slots(["A"])[0], engine._indexes(BARS_SEEN)].copy()
    right = Engine((spec,))
    right.update(bars(0, BARS_SEEN, "B"))
    return engine, row, right.update(bars(BARS_SEEN, BARS_AFTER, "B"))


engine_states = st.tuples(
    st.sampled_from(sorted(CATALOGUE)),
    st.dictionaries(st.integers(0, 5), st.sampled_from(FORGED) | st.floats(), max_size=6), st.floats(0, 1),
    st.integers(0, 2**32 - 1), st.integers(1, BARS_AFTER),
)  # fmt: skip


def check_engine_state(value: tuple[str, dict[int, float], float, int, int]) -> None:
    """Check one forged row of one indicator: it is refused, or it leads to values of its own symbol only."""
    spec, numbers_at, share, seed, count = value
    engine, whole, right = seen(spec)
    rng = np.random.default_rng(seed)
    row = whole.copy()
    forged = rng.random(len(row)) < share * 0.5
    forged[0] = False
    row[forged] = rng.choice(FORGED, forged.sum())
    for at, number in numbers_at.items():
        row[min(at, len(row) - 1)] = number
    neighbours = {symbol: engine.snapshot(symbol) for symbol in ("B", "C")}
    try:
        engine.restore("A", pack(engine.layout, row))
    except DecodeError as error:
        assert_line(error)
        return
    found = engine.update(bars(400, count))
    assert found.shape == (count, len(engine.outputs))
    assert neighbours == {symbol: engine.snapshot(symbol) for symbol in ("B", "C")}
    engine.restore("B", neighbours["B"])
    assert np.array_equal(engine.update(bars(BARS_SEEN, BARS_AFTER, "B")), right, equal_nan=True)
    engine.restore("B", neighbours["B"])


@cache
def stored_state() -> bytes:
    processor = Processor(("sma_5", "aroon_14"))
    return processor.step(bars(0, 60)).states["A"].data


def check_symbol_state(content: bytes) -> None:
    processor = Processor(("sma_5", "aroon_14"))
    try:
        processor.restore({"A": SymbolState(60_000 * 59, content)})
    except DecodeError as error:
        assert_line(error)
        return
    processor.step(bars(60, 3))


symbol_states = st.deferred(lambda: damaged(st.just(stored_state()))) | st.binary(max_size=120)

DOCUMENTS = (
    Target("model metadata", st.deferred(metadata), check_metadata, weight=0.5),
    Target("model trees", st.deferred(tree_texts), check_trees),
    Target("npy arrays", arrays(), check_array),
    Target("registry", st.deferred(registry_files), check_registry, weight=0.25),
    Target("user files", user_files, check_users),
    Target("watch-lists", watch_lists, check_watchlist),
    Target("settings", st.tuples(setting_files, variables), check_settings, lambda: [(b"a = " + b"[" * 10_000, {})]),
    Target("indicator specs", specs, check_spec),
    Target("alert rules", rules, check_rule),
    Target(
        "engine states",
        engine_states,
        check_engine_state,
        weight=0.5,
        vary=lambda value, rng: (*value[:2], rng.random(), rng.getrandbits(32), rng.randint(1, BARS_AFTER)),
    ),
    Target(
        "symbol states",
        symbol_states,
        check_symbol_state,
        lambda: [bytes([version]) + bytes(size) for version in (1, 2) for size in range(150)],
    ),
)
