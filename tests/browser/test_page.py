"""Use the page in a real browser over real bars: what it draws, how it moves, and what can be done with it."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Error, Route, expect

import tapeline.web
from tapeline.alerts.grammar import parse_rule
from tests.browser.conftest import Open, Server
from tests.browser.page import PIXELS, drawn, kept, newest, problems, until

_DESKTOP, _PHONE, _WIDE = (1440, 900), (390, 844), (2560, 1440)
_ASSETS = Path(tapeline.web.__file__).with_name("assets")
_TABS = ("chart", "model", "alerts", "health", "screener")


#: Counts the pixels that have the chart's own colour, as it is and with all of its bars before the open.
_SHADES = """async () => {
  const { chart, modules } = await import("/js/main.js");
  const { panel } = modules["js/theme.js"].palette();
  const [r, g, b] = panel.match(/\\w\\w/g).map((digits) => parseInt(digits, 16));
  const drawn = async () => {
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const canvas = modules["js/chart/export.js"].canvasOf(chart._drawing);
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) count += data[i] === r && data[i + 1] === g && data[i + 2] === b;
    return count;
  };
  const { columns } = chart._bars;
  const hours = [...columns.x];
  const plain = await drawn();
  columns.x.fill(1);
  chart._drawing._markSessions();
  const shaded = await drawn();
  columns.x.splice(0, Infinity, ...hours);
  chart._drawing._markSessions();
  return [plain, shaded];
}"""


def test_every_example_of_a_rule_is_valid() -> None:
    offered = re.search(r"EXAMPLES = \[(.+?)\];", (_ASSETS / "js" / "alerts" / "ruleform.js").read_text(), re.DOTALL)
    assert offered is not None
    rules = re.findall(r'"(.+?)"', offered[1])
    assert len(rules) >= 6
    for rule in rules:
        assert parse_rule(rule).text


def test_a_wrong_rule_is_marked_and_a_right_one_fires_and_is_removed(open_page: Open, server: Server) -> None:
    # 404: what the rule that is being removed has fired may just be asked for
    page = open_page(server.url + "#alerts", expected="status of (404|422)")
    alerts = page.locator("#alerts")
    expect(page.get_by_label("New rule")).to_be_visible()
    field = alerts.get_by_role("combobox")
    field.fill("rsi_14 << 30")
    field.press("Enter")
    expect(alerts.locator(".rule-error")).to_contain_text("column 9")
    expect(alerts.locator(".rule-error pre")).to_have_text("rsi_14 << 30\n        ^", use_inner_text=True)
    expect(alerts.locator(".preview")).to_be_hidden()  # it would say it again
    assert page.evaluate("document.activeElement.selectionStart") == 8
    field.fill("price crosses above moving")
    field.press("End")
    field.press("ArrowDown")
    expect(alerts.get_by_role("option", name=re.compile("Simple moving average"))).to_be_visible()
    assert problems(page) == []
    field.fill("")
    field.press_sequentially("price crosses above sma")
    expect(alerts.get_by_role("option").first).to_contain_text("sma_20")
    name = alerts.get_by_role("option").last.bounding_box()
    preview = alerts.locator(".preview").bounding_box()
    assert name is not None
    assert preview is not None
    assert name["y"] + name["height"] <= preview["y"], "the names cover what is said of the rule"
    field.press("Tab")
    expect(field).to_have_value("price crosses above sma_20")
    field.press_sequentially(" for nope, tsl")
    expect(alerts.get_by_role("option", name="TSLA")).to_be_visible()
    field.press("Tab")
    said = alerts.locator(".preview")
    expect(said).to_contain_text("NOPE has no bars: the rule waits")
    expect(said).to_contain_text(re.compile(r"Would have fired \d+ times in the last 7 days\. The newest: TSLA "))
    field.fill("price crosses above sma_20 for MSFT")
    field.press("Enter")
    rule = alerts.locator(".rules li").first
    expect(rule).to_contain_text("price crosses above sma_20 for MSFT")
    rule.get_by_role("button", name="Edit").click()
    field.fill("price crosses above sma_20 for AAPL")
    alerts.get_by_role("button", name="Change", exact=True).click()
    expect(alerts.locator(".rules code")).to_have_text(["price crosses above sma_20 for AAPL"])
    expect(field).to_have_value("")
    rule.get_by_role("button", name="Pause").click()
    expect(rule).to_contain_text("paused")
    rule.get_by_role("button", name="Resume").click()
    expect(rule).not_to_contain_text("paused")
    rule.get_by_role("button", name="History").click()
    expect(alerts).to_contain_text("Of price crosses above sma_20 for AAPL Show all")
    page.evaluate("""() => {
      const { start } = OscillatorNode.prototype;
      window.tones = 0;
      OscillatorNode.prototype.start = function (when) { window.tones++; start.call(this, when); };
    }""")
    alerts.get_by_label("Sound when an alert fires").check()
    assert page.evaluate("window.tones") == 2, "it is heard once when it is turned on"
    page.locator("nav [data-tab=chart]").click()
    toast = page.locator(".toast", has_text="AAPL")
    for _ in range(6):  # a new rule waits for the first bar it sees
        server.tell("play 25")
        with contextlib.suppress(Error):
            toast.first.wait_for(timeout=3000)
            break
    expect(toast.first).to_contain_text("AAPL: price crosses above sma_20")
    assert page.evaluate("window.tones") > 2
    page.evaluate("""() => {
      window.shown = [];
      const list = document.querySelector("[data-part=toasts]");
      new MutationObserver((all) => all.forEach(({ addedNodes: [box] }) => box && window.shown.push(box.textContent)))
        .observe(list, { childList: true });
      window.shown.push(...[...list.children].map((box) => box.textContent));
    }""")
    with page.expect_response(re.compile(r"/alerts\?limit=")):
        page.keyboard.press("ArrowDown")  # another stream of events begins: no alert shows twice
    drawn(page)
    shown = page.evaluate("window.shown")
    assert len(shown) == len(set(shown))
    page.keyboard.press("ArrowUp")
    expect(page.locator("[data-part=unseen]")).to_have_text(re.compile(r"\d+"))
    page.locator("nav [data-tab=alerts]").click()
    expect(page.locator("[data-part=unseen]")).to_be_empty()
    assert (
        page.evaluate("""async () => {
      const { AlertsTab } = (await import("/js/main.js")).modules["js/alerts/alerts.js"];
      const root = document.createElement("div");
      const tab = new AlertsTab(root, { counted() {}, zone: () => "UTC", jump() {}, symbols: () => [] });
      tab.show();
      tab.fire({ id: 1, timestamp: 0, symbol: "AAPL", rule: "price > 1", text: "price 2", deliveries: [] });
      return root.querySelector(".spoken[role=status]").textContent;
    }""")
        == "AAPL: price > 1: price 2"
    ), "a reader of the screen hears of no alert while the tab is open"
    expect(alerts.get_by_role("row").nth(1)).to_contain_text(re.compile(r"2019 \d\d:\d\d EST.*AAPL", re.DOTALL))
    moment = alerts.locator("tbody tr").first.evaluate("""(row) => {
      row.querySelector("button").click();
      return row.cells[0].innerText;
    }""")  # at once, as another alert may come first
    until(page, "chart._bars?.symbol === 'AAPL' && chart.older.goal === null")
    middle = "chart._drawing.chart.timeScale().getVisibleLogicalRange(), ({ from, to }) => Math.round((from + to) / 2)"
    until(page, f"chart._bars.clock.full(chart._bars.t[((range, half) => half(range))({middle})]) === arg", moment)
    page.keyboard.press("Alt+3")
    alerts.get_by_role("button", name="Remove price").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(alerts.locator(".rules")).to_have_count(0)


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("size", [_DESKTOP, _PHONE], ids=["1440", "390"])
def test_every_tab_is_drawn_fits_the_width_and_is_accessible(
    open_page: Open, server: Server, pictures: Path, size: tuple[int, int], dark: bool
) -> None:
    page = open_page(server.url, *size, dark=dark)
    drawn(page)
    expect(page.locator("[data-part=grade]")).to_contain_text(
        re.compile(r"\d+ calls decided in all [\d,]+ bars: .*% \(.* to .*\) right")
    )
    expect(page.locator("[data-part=meaning]")).to_have_text(re.compile("the close 5 bars on is higher"))
    assert min(page.evaluate(PIXELS)) > 100
    for tab in _TABS:
        page.locator(f"nav [data-tab={tab}]").click()
        expect(page.locator(f"#{tab}")).to_be_visible()
        expect(page.locator(f"#{tab} h2, #{tab} [data-part=canvas]").first).to_be_visible()
        assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0], tab
        page.screenshot(path=pictures / f"{tab}-{size[0]}-{'dark' if dark else 'light'}.png")
        assert problems(page) == [], tab
    if size == _DESKTOP:  # once more on a large screen
        page.set_viewport_size({"width": _WIDE[0], "height": _WIDE[1]})
        for tab in reversed(_TABS):
            page.locator(f"nav [data-tab={tab}]").click()
            expect(page.locator(f"#{tab} h2, #{tab} [data-part=canvas]").first).to_be_visible()
            assert page.evaluate("document.scrollingElement.scrollWidth") <= _WIDE[0], tab
            if tab == "model":  # what is said of the expected move and of the direction is side by side
                halves = page.locator("#model .halves > .cards")
                expect(halves).to_have_count(2)
                left, right = page.evaluate("""() => {
                  const halves = [...document.querySelectorAll("#model .halves > .cards")];
                  return halves.map((half) => half.getBoundingClientRect().toJSON());
                }""")  # found and measured at once, as an answer may replace them
                assert left["right"] < right["left"]
            page.screenshot(path=pictures / f"{tab}-{_WIDE[0]}-{'dark' if dark else 'light'}.png")
        assert problems(page) == []


def test_a_first_user_needs_six_clicks_from_a_symbol_to_an_alert_that_is_found_again(
    open_page: Open, server: Server
) -> None:
    """Do what docs/dashboard.md says under "The first minute", with its clicks counted."""
    page = open_page(server.url)
    drawn(page)
    page.evaluate("() => { window.clicks = 0; addEventListener('mousedown', () => { window.clicks += 1; }, true); }")

    def clicked(times: int) -> None:
        assert page.evaluate("clicks") == times

    field = page.get_by_label("Symbol to add")
    field.click()
    page.keyboard.type("nvda")
    page.keyboard.press("Enter")
    expect(page.locator(".rows li", has_text="NVDA")).to_contain_text("no bars yet")
    clicked(1)

    page.locator(".row", has_text="MSFT").click()
    drawn(page)
    expect(page.locator("[data-part=words]")).to_contain_text(re.compile(r"\d"))
    page.locator("h1 button").click()
    about = page.get_by_role("dialog", name="MSFT")
    expect(about).to_contain_text("Next session")
    expect(about).to_contain_text("between")
    page.keyboard.press("Escape")
    clicked(3)

    box = page.locator("[data-part=canvas]").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 500, box["y"] + 300, button="right")
    page.get_by_role("dialog").get_by_role("button", name="Set the alert").click()
    expect(page.locator(".toast").last).to_contain_text("MSFT crosses")
    clicked(5)

    page.locator("nav [data-tab=alerts]").click()
    rule = page.locator("#alerts .rules li", has_text="MSFT")
    expect(rule).to_contain_text("crosses")
    clicked(6)
    rule.get_by_role("button", name="Remove").click()  # and the page is as it was
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(rule).to_have_count(0)
    page.locator("nav [data-tab=chart]").click()
    page.locator("li", has_text="NVDA").hover()
    page.get_by_role("button", name="Stop collecting NVDA").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop collecting").click()
    expect(page.locator(".rows li", has_text="NVDA")).to_have_count(0)


def test_candles_indicators_and_calls_are_drawn_and_shown_as_values(open_page: Open, server: Server) -> None:
    page = open_page(server.url)
    found = drawn(page)
    assert found["bars"] == found["candles"] == 1000
    assert found["studies"] == {"sma_20": 1000, "sma_50": 1000, "rsi_14": 1000}
    assert found["panes"] == 3  # price with volume, P(UP), RSI
    assert found["markers"] > 20
    assert found["colors"] == 3  # came true, did not, undecided or flat
    expect(page.locator(".rows li")).to_have_count(24)
    expect(page.locator("[data-part=status]")).to_have_text(re.compile(r"Replay \d\d%"))
    expect(page.locator("[data-part=market]")).to_have_text(re.compile(r"Open · closes \w+ 16:00 EST"))
    expect(page.locator("[data-part=price]")).to_have_text(re.compile(r"^\$1\d\d\.\d\d$"))
    legend = page.locator(".legend").first
    expect(legend).to_contain_text(re.compile(r"2019 \d\d:\d\d ESTO \d.*SMA 20\d+\.\d\d", re.DOTALL))
    expect(legend.locator(".time")).to_have_attribute("title", re.compile(r"2019 \d\d:\d\d:00 UTC"))
    last = legend.inner_text()
    box = page.locator("[data-part=canvas]").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    expect(legend).not_to_have_text(last)
    page.mouse.move(10, 300)
    expect(legend.locator(".time")).to_have_text(re.compile(re.escape(last.split(" EST")[0])))


def test_a_forming_bar_moves_until_it_is_final(open_page: Open, server: Server) -> None:
    page = open_page(server.url)
    before = drawn(page)
    forming = page.locator(".forming")
    expect(forming).to_be_hidden()
    for price in (171.25, 169.75):
        time = int(server.tell(f"form {price}"))
        newest(page, time)
        expect(forming).to_be_visible()
        expect(page.locator(".legend").first).to_contain_text(f"C {price}")
        expect(page.locator("[data-part=price]")).to_have_text(f"${price}")
        expect(page.locator(".row", has_text="AAPL").locator(".last")).to_have_text(f"${price}")
    after = drawn(page)
    assert after["bars"] == before["bars"] + 1
    assert after["close"] == 169.75
    assert after["range"][1] - before["range"][1] == pytest.approx(1, abs=0.1)  # the chart follows
    assert int(server.tell("play 1")) == time
    expect(forming).to_be_hidden()
    assert drawn(page)["bars"] == after["bars"]


def test_panning_loads_older_bars_and_new_bars_do_not_move_the_view(open_page: Open, server: Server) -> None:
    page = open_page(server.url)
    drawn(page)
    expect(page.locator("[data-part=newest]")).to_be_hidden()
    for _ in range(12):
        page.keyboard.press("-")
    until(page, "chart._bars.length > 1000")
    page.keyboard.press("ArrowLeft")
    for _ in range(6):
        page.keyboard.press("+")
    expect(page.locator("[data-part=newest]")).to_be_visible()
    looked = drawn(page)
    assert looked["studies"]["sma_20"] >= looked["bars"] - 19
    assert looked["times"] == sorted(set(looked["times"]))
    newest(page, int(server.tell("play 2")))
    after = drawn(page)
    assert after["shown"] == looked["shown"]
    page.keyboard.press("End")
    expect(page.locator("[data-part=newest]")).to_be_hidden()
    box = page.locator("[data-part=canvas]").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 500, box["y"] + 200)
    page.mouse.wheel(0, -300)
    width = "(({ from, to }) => to - from)(chart.window.range)"
    until(page, f"{width} < arg", after["range"][1] - after["range"][0])
    page.mouse.down()
    page.mouse.move(box["x"] + 900, box["y"] + 200, steps=3)
    page.mouse.up()
    expect(page.locator("[data-part=newest]")).to_be_visible()


def test_an_interval_is_chosen_by_button_or_key_and_kept_in_the_address(open_page: Open, server: Server) -> None:
    page = open_page(server.url)
    fine = drawn(page)
    page.locator("[data-interval='15m']").click()
    until(page, "chart._bars?.interval === '15m'")
    coarse = drawn(page)
    assert {(b - a) // 60_000 for a, b in zip(coarse["times"], coarse["times"][1:], strict=False)} >= {15}
    assert coarse["bars"] < fine["bars"] / 5
    assert coarse["close"] == fine["close"]
    assert page.url.endswith("#chart/AAPL/15m")
    page.keyboard.press("[")
    expect(page.locator("[data-interval='10m']")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.locator("[data-interval='10m']")).to_have_attribute("aria-pressed", "true")
    assert drawn(page)["bars"] > coarse["bars"]
    page.go_back()
    expect(page.locator("[data-interval='15m']")).to_have_attribute("aria-pressed", "true")


def test_an_interval_from_the_menu_becomes_a_button(open_page: Open, server: Server) -> None:
    page = open_page(server.url)
    drawn(page)
    expect(page.locator("[data-interval='30m']")).to_have_count(0)
    page.get_by_label("More intervals").select_option("30m")
    until(page, "chart._bars?.interval === '30m'")
    expect(page.locator("[data-interval='30m']")).to_have_attribute("aria-pressed", "true")
    drawn(page)
    top = [page.locator(f"[data-part={name}]").bounding_box() for name in ("symbol", "intervals")]
    assert top[0] is not None
    assert top[1] is not None
    assert abs(top[0]["y"] - top[1]["y"]) < 15, "the heading is one line"


def test_the_chart_changes_its_look_compares_goes_to_a_date_and_is_saved(open_page: Open, server: Server) -> None:
    page = open_page(server.url, expected="status of 404")  # for a symbol to compare with that there is not
    drawn(page)
    menu = page.get_by_role("dialog")
    page.keyboard.press("Alt+c")
    menu.get_by_label("Hollow candles").check()
    menu.get_by_label("Percent", exact=True).check()
    menu.get_by_label("Data window").check()
    chips = menu.locator(".chips li")
    menu.get_by_label("Compare with").fill("msfd")
    page.keyboard.press("Enter")
    expect(menu.get_by_role("alert")).to_contain_text("there are no bars of MSFD (did you mean MSFT?)")
    expect(chips).to_have_count(0)
    menu.get_by_label("Compare with").fill("msft")
    page.keyboard.press("Enter")
    expect(chips).to_have_text(re.compile("^MSFT"))
    for symbol in ("amzn", "jpm", "gld", "tsla", "bac"):
        menu.get_by_label("Compare with").fill(symbol)
        page.keyboard.press("Enter")
    expect(chips).to_have_count(5)
    expect(menu.get_by_role("alert")).to_have_text("At most 5 symbols, each once.")
    expect(menu.get_by_label("Normal")).to_be_disabled()  # closes of several symbols are shown in percent
    assert problems(page) == []
    for symbol in ("AMZN", "JPM", "GLD", "TSLA"):
        menu.get_by_role("button", name=f"Compare no more with {symbol}").click()
    page.keyboard.press("Escape")
    expect(page.locator(".legend").first).to_contain_text(re.compile(r"VS MSFT\d+\.\d\d"))
    expect(page.get_by_role("region", name="Data window")).to_contain_text("regular hours")
    beside = page.evaluate("() => document.querySelector('.canvas').getBoundingClientRect().right")
    assert beside <= page.evaluate("() => document.querySelector('.values').getBoundingClientRect().left")
    plain, shaded = page.evaluate(_SHADES)
    assert shaded < plain * 0.8  # the fan and the other panes are not
    for style, kind in (("heikin", "Candlestick"), ("bars", "Bar"), ("line", "Line"), ("area", "Area")):
        page.evaluate(
            "async (style) => (await import('/js/main.js')).modules['js/chart/look.js'].change({ style })", style
        )
        until(page, "chart._drawing._candles.seriesType() === arg", kind)
        assert drawn(page)["candles"] == 1000
    newest(page, int(server.tell("play 2")))
    until(page, "chart._bars.column('vs MSFT').at(-1) > 0")
    with page.expect_download() as saved:  # while the window still moves, which the library's own picture hangs on
        written = page.evaluate("""async () => {
          const { chart } = await import("/js/main.js");
          const { savePictureOf } = (await import("/js/main.js")).modules["js/chart/menu.js"];
          const written = {};
          const { fillText } = CanvasRenderingContext2D.prototype;
          CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
            written[text] = this.fillStyle;
            fillText.call(this, text, ...place);
          };
          chart.window.pan(-0.1);
          savePictureOf(chart);
          Object.assign(CanvasRenderingContext2D.prototype, { fillText });
          const wanted = chart.drawing.studies.map(({ columns: [{ color }] }) => color);
          return { texts: Object.keys(written), wanted, colors: Object.values(written) };
        }""")
    assert saved.value.path().read_bytes().startswith(b"\x89PNG")
    assert {"SMA 20", "RSI 14", "VS MSFT"} <= set(written["texts"])
    assert set(written["wanted"]) <= set(written["colors"])
    page.keyboard.press("Alt+y")
    about = page.get_by_role("dialog", name="AAPL")
    for text in (
        r"Since 11 Feb 2019\d+",
        r"1 day.\d\.\d\d%",
        "between",
        r"1 min±0\.\d\d%\d+\.\d+ to \d",
        r"80% band held\d+\.\d%",
        "Next session",
        "high is below low",
    ):
        expect(about).to_contain_text(re.compile(text))
    assert problems(page) == []
    page.evaluate("""() => {
      const focused = document.activeElement;
      focused.closest("dialog").close();
      // the event that removes it is still to come
      focused.dispatchEvent(new KeyboardEvent("keydown", { key: "1", bubbles: true }));
    }""")
    page.keyboard.type("5")
    page.get_by_role("dialog").get_by_role("button", name="Show").click()
    until(page, "chart._bars?.interval === '15m'")
    now_listed = page.get_by_text("Prices of now, not of the replay")
    expect(now_listed).to_be_hidden()
    page.keyboard.press("Alt+q")  # from the middle of the view on
    replay = page.get_by_role("group", name="Replay")
    until(page, "chart._bars.length < 60 && chart._drawing._candles.data().length === chart._bars.length")
    count = drawn(page)["bars"]
    expect(now_listed).to_be_visible()
    now_shown = ("price", "change", "signal", "market", "words", "grade")  # of bars that are hidden
    for part in now_shown:
        expect(page.locator(f"[data-part={part}]")).to_be_empty()
    expect(page).to_have_title("AAPL · tapeline")
    for name, by in (("One bar on", 1), ("One bar on", 2), ("One bar back", 1)):
        replay.get_by_role("button", name=name).click()
        until(page, "chart._bars.length === arg", count + by)
    replay.get_by_label("Speed").select_option("30")
    replay.get_by_role("button", name="Play", exact=True).click()
    until(page, "chart._bars.length > arg", count + 3)
    replay.get_by_role("button", name="Pause").click()
    server.tell("play 1")  # what comes meanwhile waits for the end
    assert problems(page) == []
    for part in now_shown:
        expect(page.locator(f"[data-part={part}]")).to_be_empty()
    replay.get_by_role("button", name="End the replay").click()
    until(page, "chart._bars.length > 60")
    expect(page.locator("[data-part=price]")).not_to_be_empty()
    expect(now_listed).to_be_hidden()
    page.keyboard.press("Alt+q")
    until(page, "chart.replay.on")
    page.keyboard.press("Escape")
    until(page, "!chart.replay.on && !chart._asking")
    page.keyboard.press("Alt+g")
    page.get_by_label("Go to date").fill("2019-02-12")
    page.keyboard.press("Enter")
    found = drawn(page)
    middle = found["times"][round(sum(found["range"]) / 2)]
    assert middle == 1549981800000, "the first bar of the day in New York"
    page.evaluate("() => localStorage.setItem('tapeline.compare', JSON.stringify(['ZZZZ', 'MSFT']))")  # one is gone
    page.reload()
    expect(page.locator(".toast")).to_contain_text(re.compile("^ZZZZ is no longer compared: there are no bars of ZZZZ"))
    until(page, "chart.compare.symbols.join() === 'MSFT'")
    assert page.evaluate("() => localStorage.getItem('tapeline.compare')") == '["MSFT"]'
    page.evaluate("""async () => {
      const { toast } = (await import("/js/main.js")).modules["js/toast.js"];
      for (const _ of "ab") toast("said again", "bad");
    }""")
    expect(page.locator(".toast", has_text="said again")).to_have_text([re.compile("^said again 2 times")])
    expect(page.get_by_role("region", name="Data window")).to_be_visible()
    expect(page.locator(".legend").first).to_contain_text("VS MSFT")
    drawn(page)
    page.locator(".study", has_text="VS MSFT").hover()
    page.get_by_role("button", name="Remove VS MSFT").click()
    expect(page.locator(".legends")).not_to_contain_text("MSFT")


def test_drawings_are_kept_and_undone_and_alerts_are_set_and_dragged(open_page: Open, server: Server) -> None:
    page = open_page(server.url + "#chart/MSFT/1m")
    drawn(page)
    box = page.locator("[data-part=canvas]").bounding_box()
    assert box is not None

    def click(x: float, y: float, button: str = "left") -> None:
        page.mouse.move(box["x"] + x, box["y"] + y)
        page.mouse.click(box["x"] + x, box["y"] + y, button=button)  # type: ignore[arg-type]

    def kinds(*expected: str) -> None:
        until(page, "chart.onChart._layer?.shapes.map(({ kind }) => kind).join() === arg", ",".join(expected))

    page.get_by_role("button", name="Trend line").click()
    click(200, 250)
    click(500, 150)
    for key, kind in (("b", "box"), ("n", "fibonacci"), ("m", "measure"), ("j", "ray")):
        page.keyboard.press(f"Alt+{key}")
        click(300, 300)
        click(420, 360)
        until(page, "chart.onChart._layer.chosen?.kind === arg", kind)
    # Held down in a dialog that has closed, it removes nothing here.
    page.evaluate("""() => document.body.dispatchEvent(
      new KeyboardEvent("keydown", { key: "Delete", repeat: true, bubbles: true })
    )""")
    kinds("line", "box", "fibonacci", "measure", "ray")
    page.keyboard.press("Delete")
    page.keyboard.press("Alt+o")
    click(350, 120)
    page.keyboard.type("<b>why</b>")
    page.keyboard.press("Enter")
    kinds("line", "box", "fibonacci", "measure", "text")  # a dialog closes a moment later
    page.keyboard.press("Alt+h")
    page.keyboard.press("Enter")  # without the mouse
    kinds("line", "box", "fibonacci", "measure", "text", "level")
    assert page.evaluate("""async () => {
      const { Bars } = (await import("/js/main.js")).modules["js/chart/bars.js"];
      const [hour, day] = [3_600_000, 86_400_000];
      const days = [0, 1, 2].map((i) => Date.UTC(2019, 1, 11) + i * day); // from a Monday on
      const made = (daily, t) => new Bars({ columns: { t }, daily, zone: "America/New_York" });
      const hours = made(false, days.flatMap((t) => [t + 14.5 * hour, t + 15.5 * hour]));
      return [
        ...[14.5, 25, 38.9, 80].map((later) => made(true, days).position(days[0] + later * hour, false)),
        ...[days[0] + 15.6 * hour, days[0] + 20 * hour].map((t) => hours.position(t)),
        hours.position(days[1], true), hours.position(days[2] + 17 * hour),
      ];
    }""") == [0, 0, 1, 3, 1, 1, 2, 6], "what is drawn stands on the bar that contains its time"
    first = "chart.onChart._layer.shapes.at(-1).points[0].p"
    was = page.evaluate(f"async () => {{ const {{ chart }} = await import('/js/main.js'); return {first}; }}")
    page.keyboard.press("ArrowUp")
    until(page, f"{first} > arg", was)
    page.keyboard.press("Control+z")
    until(page, f"{first} === arg", was)
    page.keyboard.press("Control+z")
    kinds("line", "box", "fibonacci", "measure", "text")
    page.mouse.move(box["x"] + 350, box["y"] + 200)  # on the line, which moves as a whole
    page.mouse.down()
    page.mouse.move(box["x"] + 350, box["y"] + 230, steps=3)
    page.mouse.up()
    y = "chart.onChart._layer.at(chart.onChart._layer.shapes[0].points[0]).y"
    until(page, f"Math.abs({y} - 280) < 2")

    click(600, 330, "right")
    asked = page.get_by_role("dialog")
    typed = asked.get_by_role("spinbutton")
    price = typed.input_value()
    for other, way in (("1", "below"), ("9999", "above")):
        typed.fill(other)
        expect(asked).to_contain_text(f"When the price crosses {way}")
    typed.fill(price)
    said = asked.locator("label").inner_text().removeprefix("When the price ")
    asked.get_by_role("button", name="Set the alert").click()
    expect(page.locator(".toast").last).to_contain_text(f"MSFT {said} ")
    line = "chart.onChart._layer.at({ t: 0, p: chart.onChart._layer.alerts[0]?.price }).y"
    until(page, f"Math.abs({line} - 330) < 3")
    page.mouse.move(box["x"] + 100, box["y"] + 330)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 380, steps=3)
    page.mouse.up()
    until(page, "chart.onChart._layer.alerts[0]?.rule.level.price === chart.onChart._layer.alerts[0]?.price")
    until(page, f"chart.onChart._layer.alerts.length === 1 && Math.abs({line} - 380) < 3")
    assert problems(page) == []
    drawings = "chart.onChart._layer.shapes"
    kept(page, "drawings:MSFT", f"JSON.stringify(kept.shapes) === JSON.stringify({drawings})")
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    page.route("**/desk/drawings*", hold)
    page.reload()
    drawn(page)
    page.keyboard.press("Alt+h")
    page.keyboard.press("Enter")
    kinds("level")  # before what was kept has arrived, which neither replaces
    while not late:  # it is asked for now
        page.wait_for_timeout(20)
    late[0].continue_()
    page.unroute("**/desk/drawings*")
    kinds("line", "box", "fibonacci", "measure", "text", "level")
    page.keyboard.press("Control+z")
    kinds("line", "box", "fibonacci", "measure", "text")
    until(page, "chart.onChart._layer.alerts.length === 1")
    at = page.evaluate(f"async () => {{ const {{ chart }} = await import('/js/main.js'); return {line}; }}")
    click(100, at)
    page.keyboard.press("Delete")
    until(page, "chart.onChart._layer.alerts.length === 0")
    page.locator(".row", has_text="AMZN").click()
    drawn(page)
    kinds()


def test_four_charts_share_what_is_linked_and_come_back(open_page: Open, server: Server) -> None:
    page = open_page(server.url)
    drawn(page)
    page.keyboard.press("Alt+c")
    page.get_by_label("Four charts").check()
    page.keyboard.press("Escape")
    charts = page.locator("article.chart")
    expect(charts).to_have_count(4)
    more = page.get_by_role("button", name="2 indicators over the price")
    expect(more).to_have_count(4)
    folded = charts.nth(1).locator(".study", has_text="SMA 20")
    expect(folded).to_be_hidden()
    more.nth(1).hover()
    expect(folded).to_be_visible()
    page.mouse.move(10, 300)
    expect(folded).to_be_hidden()
    more.nth(1).press("Enter")
    for one in more.all():
        expect(one).to_have_attribute("aria-expanded", "true")
    expect(folded).to_be_visible()
    title = charts.nth(1).locator(".title").bounding_box()
    assert title is not None
    assert title["height"] < 50, "one line"
    charts.nth(1).locator("[data-part=canvas]").click(position={"x": 200, "y": 120})
    page.locator(".row", has_text="MSFT").click()
    expect(page.locator("h1")).to_have_text(["AAPL", "MSFT", "AAPL", "AAPL"])
    until(page, "chart._bars?.symbol === 'MSFT'")  # the one in use
    page.locator(".study:visible", has_text="RSI 14").nth(1).hover()
    page.get_by_role("button", name="Remove RSI 14").nth(1).click()
    expect(page.locator(".study:visible", has_text="RSI 14")).to_have_count(0)  # on every chart
    page.keyboard.press("Alt+c")
    page.get_by_label("Interval shared").check()
    page.keyboard.press("Escape")
    charts.nth(2).locator("[data-interval='15m']").click()
    address = "#chart/AAPL/15m+MSFT/15m+AAPL/15m+AAPL/15m"
    expect(page).to_have_url(server.url + address)
    until(page, "layout.charts.every((one) => one.bars?.interval === '15m')")
    expect(page.locator(".state[role]:visible")).to_have_count(0)
    box = charts.nth(0).locator("[data-part=canvas]").bounding_box()
    assert box is not None
    times = charts.locator(".legend .time")
    expect(times).to_have_text([re.compile("15 EST|30 EST|45 EST|00 EST")] * 4)
    page.mouse.move(box["x"] + 150, box["y"] + 120)
    until(
        page,
        "new Set([...document.querySelectorAll('.legend .time')].map(({ textContent }) => textContent)).size === 1",
    )
    before = page.evaluate("document.querySelectorAll('.legend .time')[3].textContent")
    page.mouse.move(10, 300)
    expect(times.nth(3)).not_to_have_text(before)
    server.tell("play 15")  # one stream of events brings bars for all of them
    page.wait_for_function(
        "() => new Set([...document.querySelectorAll('.legend .time')].map((e) => e.textContent)).size === 1"
    )
    assert problems(page) == []
    page.goto("about:blank")
    page.goto(server.url)
    expect(page).to_have_url(server.url + address)
    expect(more.first).to_have_attribute("aria-expanded", "true")  # remembered
    expect(page.locator("h1")).to_have_text(["AAPL", "MSFT", "AAPL", "AAPL"])
    page.get_by_role("button", name="Watch-list").click()
    expect(page.locator(".watch")).to_be_hidden()
    page.set_viewport_size({"width": _PHONE[0], "height": _PHONE[1]})
    expect(page.locator("article.chart:visible")).to_have_count(1)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= _PHONE[0]


def test_lists_of_ones_own_have_groups_columns_and_an_order(open_page: Open, server: Server) -> None:
    page = open_page(server.url, expected="status of 404")  # for a column that there is not
    drawn(page)
    rows, dialog = page.locator(".rows li"), page.get_by_role("dialog")
    page.get_by_role("button", name="Lists").click()
    dialog.get_by_label("Name", exact=True).fill("<b>Mine</b>")
    dialog.get_by_label("Symbols in their order").fill("# Tech\nmsft aapl\n# Banks\njpm\nnope")
    dialog.get_by_label("Columns in every list").fill("rsi_14, volum, close")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".rule-error")).to_contain_text(re.compile(r"rsi_14, volum, close\n {8}\^{5}\D.*volum"))
    assert problems(page) == []
    dialog.get_by_label("Columns in every list").fill("rsi_14, volume")
    dialog.get_by_role("button", name="Save").click()

    def stands(*lines: str) -> None:
        expect(page.locator(".rows li > .row > b, .rows .group")).to_have_text(list(lines))

    stands("Tech", "MSFT", "AAPL", "Banks", "JPM", "NOPE")
    expect(rows.nth(1)).to_contain_text(re.compile(r"RSI 14 \d+\.\d\d Volume \d"))
    page.evaluate("""async () => {
      const { prototype } = (await import("/js/main.js")).modules["js/watchlist.js"].Watchlist;
      const { setProblems } = prototype;
      prototype.setProblems = function (found) { setProblems.call(this, found); window.told = true; };
    }""")
    server.tell("play 1")
    until(page, "window.told")
    expect(rows.nth(5)).to_contain_text("not collected")
    rows.filter(has_text="JPM").drag_to(rows.filter(has_text="AAPL"))
    stands("Tech", "MSFT", "JPM", "AAPL", "Banks", "NOPE")
    rows.filter(has_text="AAPL").locator(".row").focus()
    page.keyboard.press("Alt+ArrowDown")
    stands("Tech", "MSFT", "JPM", "Banks", "AAPL", "NOPE")
    rows.filter(has_text="NOPE").hover()
    page.get_by_role("button", name="Take out NOPE").click()
    stands("Tech", "MSFT", "JPM", "Banks", "AAPL")
    page.locator(".sorts [data-by=symbol]").click()
    stands("AAPL", "JPM", "MSFT")
    assert problems(page) == []
    kept(page, "watchlists", "kept.lists?.[0].lines.join() === '# Tech,MSFT,JPM,# Banks,AAPL'")
    page.evaluate("""async () => {
      const { keep, recall } = (await import("/js/main.js")).modules["js/desk.js"];
      await keep("watchlists", { ...await recall("watchlists"), columns: "rsi_14, gone_5" });
    }""")
    kept(page, "watchlists", "kept.columns === 'rsi_14, gone_5'")  # of a version that knew it
    page.reload()
    expect(page.locator(".toast")).to_contain_text("The columns of the lists are shown without gone_5: ")
    stands("Tech", "MSFT", "JPM", "Banks", "AAPL")
    expect(rows.nth(1)).to_contain_text(re.compile(r"RSI 14 \d+\.\d\d"))
    expect(rows.nth(1)).not_to_contain_text("GONE")
    page.get_by_role("combobox", name="List").select_option("All symbols")
    expect(rows).to_have_count(24)
    page.get_by_role("combobox", name="List").select_option("<b>Mine</b>")
    page.get_by_role("button", name="Lists").click()
    dialog.get_by_label("Columns in every list").fill("")
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Lists").click()
    dialog.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(rows).to_have_count(24)


def test_the_screener_finds_sorts_and_stays_up_to_date(open_page: Open, server: Server) -> None:
    page = open_page(server.url, expected="status of (404|409|422)")
    drawn(page)
    page.keyboard.press("Alt+5")
    tab = page.locator("#screener")
    tab.get_by_label("Rule").fill("price > 100")
    columns = tab.get_by_label("Columns")
    columns.fill("close, bar_change, ")
    columns.press_sequentially("rsi")
    expect(tab.get_by_role("option").first).to_contain_text("rsi_14")
    page.keyboard.press("Tab")
    expect(columns).to_have_value("close, bar_change, rsi_14")
    page.keyboard.press("Enter")
    expect(tab).to_contain_text(re.compile(r"\d+ of 24 series"))
    tab.get_by_role("button", name="close").click()
    expect(tab.get_by_role("button", name="close ▼")).to_be_visible()
    row = tab.get_by_role("row").nth(1)
    expect(row).to_contain_text(re.compile(r"^(AMZN|GOOG).*1,\d{3}\.\d\d\D.*\d\.\d\d%", re.DOTALL))
    expect(tab.get_by_role("button", name="bar_change")).to_have_attribute("title", re.compile("previous session"))
    before = row.inner_text()
    server.tell("play 1")
    expect(row).not_to_have_text(before)
    tab.get_by_label("Rule").fill("rsi_14 << 30")
    page.keyboard.press("Enter")
    expect(tab.get_by_role("alert")).to_contain_text("column 9")
    tab.get_by_label("Rule").fill("price > 100")
    columns.fill("close, rsi_14, volum")
    page.keyboard.press("Enter")
    expect(tab.get_by_role("alert")).to_contain_text(re.compile(r"rsi_14, volum\n {15}\^{5}\D"))
    expect(tab.locator("[aria-invalid]")).to_have_count(1)
    columns.fill("close, rsi_14")
    tab.get_by_label("Rule").fill("price > 100 or price > sma_2")
    expect(tab.get_by_role("option").first).to_contain_text("sma_20")
    tab.get_by_role("button", name="Scan").click()  # beside the list of names, which closes
    expect(tab.get_by_role("alert")).to_be_empty()
    expect(tab.get_by_role("option")).to_have_count(0)
    tab.get_by_label("As of, UTC").fill("2019-02-12T15:00")
    page.keyboard.press("Enter")
    expect(row).to_contain_text("12 Feb 2019 10:00 EST")
    row.get_by_role("button").click()
    until(page, "chart.older.goal === null && chart._bars.t.includes(1549983600000)")
    page.keyboard.press("Alt+5")
    tab.get_by_label("As of, UTC").fill("")
    page.keyboard.press("Enter")
    expect(row).not_to_contain_text("12 Feb")
    button = row.get_by_role("button")
    name = button.inner_text()
    button.click()
    expect(page.locator("h1")).to_have_text(name)


def test_past_ranges_are_drawn_with_their_misses_and_a_price_has_odds(open_page: Open, server: Server) -> None:
    server.tell("play 60")  # the last session had ended
    page = open_page(server.url)
    drawn(page)
    expect(page.locator("[data-part=words]")).to_contain_text("in 5 minutes, with 80% chance")
    expect(page.locator(".rows .call").first).to_have_text(re.compile(r"^(±\d+\.\d+%|UP \d+%|DOWN \d+%)$"))
    badge = page.locator("[data-part=signal]")
    expect(badge).to_have_text(re.compile(r"^(±\d+\.\d+% in 5 min|(UP|DOWN) · P\(UP\) \d+\.\d%)$"))
    expect(badge).to_have_attribute("title", re.compile("the next 5 min,|the close 5 min on"))
    page.get_by_role("button", name="Move", exact=True).click()
    legend = page.locator(".legend").first
    box = page.locator("[data-part=canvas]").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 150)
    expect(legend.locator(".odds")).to_contain_text(re.compile(r"in 5 bars: touched \d+\.\d%, close (above|below) \d"))
    page.keyboard.press("Alt+r")
    expect(page.locator("[data-part=trail]")).to_contain_text(re.compile(r"80% band .*: held \d\d\.\d% of \d{3}"))
    until(page, "chart._drawing._trail._points.some((point) => point?.missed)")
    said = page.evaluate("""async () => {
      const { chart } = await import("/js/main.js");
      const { from, to } = chart.window.range;
      const said = (i) => chart.expected._ranges.forecast(chart._bars.t[i]);
      const i = chart._bars.t.findIndex((_, i) => i > (from + to) / 2 && said(i));
      return chart._drawing.chart.timeScale().logicalToCoordinate(i);
    }""")
    page.mouse.move(box["x"] + said, box["y"] + 150)
    until(page, "chart._drawing._past?.timestamp === chart._bars.t[chart.panel._pointed]")
    answers = iter([{"words_for": 1}])

    def turn(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | next(answers, {"words_for": None, "words": "As of then"}))

    page.route("**/forecast?*", turn)
    page.reload()
    expect(page.locator("[data-part=ranges]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("[data-part=words]")).to_contain_text("As of then")  # asked again, as no bar came
    page.locator("[data-part=ranges]").click()
    expect(page.locator("[data-part=trail]")).to_be_hidden()


def test_the_model_tab_grades_the_expected_move(open_page: Open, server: Server) -> None:
    page = open_page(server.url + "#model")
    model = page.locator("#model")
    expect(model.locator(".verdict", has_text="Live. Expected move: ")).to_be_visible()
    expect(model).to_contain_text(re.compile(r"80% band: held \d\d\.\d% of [\d,]+"))
    expect(model.get_by_role("img", name=re.compile("Closes by tenth of what was said"))).to_be_visible()
    expect(model.get_by_role("row", name=re.compile("^middle third"))).to_be_visible()
    expect(model).to_contain_text(re.compile(r"\d+\.\d% were said to be touched, and \d+\.\d% were"))
    model.get_by_role("button", name="20 bars ahead").click()
    expect(model.get_by_role("button", name="20 bars ahead")).to_have_attribute("aria-pressed", "true")


def test_an_indicator_is_added_changed_and_removed(open_page: Open, server: Server) -> None:
    page = open_page(server.url)
    drawn(page)
    page.keyboard.press("Alt+i")
    dialog = page.locator("dialog")
    dialog.get_by_role("searchbox").fill("bollinger")
    dialog.get_by_role("button", name="BBANDS").click()
    dialog.get_by_label("period").fill("0")
    dialog.get_by_role("button", name="Add to the chart").click()
    assert page.evaluate("document.querySelector('dialog input:invalid') !== null")  # refused at its place
    dialog.get_by_label("period").fill("30")
    dialog.get_by_label("factor").fill("2.5")
    dialog.get_by_role("button", name="Add to the chart").click()
    expect(dialog.locator(".picked")).to_contain_text("BBANDS 30 2.5")
    assert problems(page) == []
    page.keyboard.press("Escape")
    until(page, "chart._drawing.studies.length === 4")
    assert drawn(page)["studies"]["bbands_30_2.5_upper"] == 1000
    expect(page.locator(".legend").first).to_contain_text("BBANDS 30 2.5")
    page.reload()
    assert "bbands_30_2.5_lower" in drawn(page)["studies"]
    page.locator(".study", has_text="RSI 14").hover()
    page.get_by_role("button", name="Change RSI 14").click()
    dialog.get_by_label("period").fill("7")
    dialog.get_by_role("button", name="Change", exact=True).last.click()
    expect(page.locator(".legends")).to_contain_text("RSI 7")
    page.keyboard.press("Alt+i")
    dialog.get_by_role("button", name="Change SMA 20").click()
    dialog.get_by_label("Colour of line").fill("#ff00aa")
    dialog.get_by_label("Width of line").select_option("3 px")
    dialog.get_by_label("Name and value at the price scale").check()
    assert problems(page) == []
    dialog.get_by_role("button", name="Change", exact=True).last.click()
    options = "chart._drawing.studies[0]._series[0][1].options()"
    look = f"(({{ color, lineWidth, title }}) => [color, lineWidth, title].join())({options}) === arg"
    until(page, look, "#ff00aa,3,SMA 20")
    page.keyboard.press("Alt+i")
    dialog.get_by_role("searchbox").fill("candle pattern")  # the name of a group
    dialog.get_by_role("button", name="Add all candle patterns").click()
    expect(page.locator(".legend").first).to_contain_text("Patterns")  # kernels may be compiled first
    until(page, "chart._drawing._patterns._marks.length > 100 && chart._drawing._patterns._drawn === 'dots'")
    dialog.get_by_label("Save as").fill("<b>Mine</b>")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("region", name="Templates")).to_contain_text("<b>Mine</b>")
    assert problems(page) == []
    page.keyboard.press("Escape")
    page.locator(".study .name", has_text="Patterns").hover()
    page.get_by_role("button", name="Remove Patterns").click()
    until(page, "chart._drawing._patterns._marks.length === 0")
    page.locator(".study", has_text="RSI 7").hover()
    page.get_by_role("button", name="Remove RSI 7").click()
    assert drawn(page)["panes"] == 2
    page.locator(".study", has_text="P(UP)").hover()
    page.get_by_role("button", name="Hide P(UP)").click()
    found = drawn(page)
    assert (found["panes"], found["markers"]) == (1, 0)
    page.evaluate("localStorage.clear()")
    page.reload()
    drawn(page)
    page.keyboard.press("Alt+i")
    dialog.get_by_role("button", name="<b>Mine</b>", exact=True).click()
    until(page, "chart._drawing._patterns._marks.length > 100")
    until(page, look, "#ff00aa,3,SMA 20")
    assert "rsi_7" in drawn(page)["studies"]


def test_a_remembered_indicator_that_the_server_does_not_know_is_dropped(open_page: Open, server: Server) -> None:
    page = open_page(server.url, expected="status of 404")
    drawn(page)
    remembered = [{"spec": spec, "color": color} for color, spec in enumerate(("sma_20", "gone_7", "rsi_14"))]
    page.evaluate("(list) => localStorage.setItem('tapeline.indicators', JSON.stringify(list))", remembered)
    page.reload()
    assert list(drawn(page)["studies"]) == ["sma_20", "rsi_14"]
    assert "gone_7" not in page.evaluate("localStorage.getItem('tapeline.indicators')")


def test_the_watch_list_is_searched_sorted_and_used_by_keyboard(open_page: Open, server: Server) -> None:
    page = open_page(server.url)
    drawn(page)
    heading, rows = page.locator("h1"), page.locator(".rows b")
    expect(rows).to_have_count(24)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(heading).to_have_text("AMZN")
    page.keyboard.press("ArrowUp")
    expect(heading).to_have_text("AMT")
    page.keyboard.type("ts")  # wherever the keyboard is
    expect(rows).to_have_text(["TSLA"])
    page.keyboard.press("Enter")
    expect(heading).to_have_text("TSLA")
    expect(rows).to_have_count(24)
    page.get_by_role("button", name="Change", exact=True).click()

    def changes() -> list[float]:
        texts = page.locator(".rows .change").all_text_contents()
        return [float(text[:-1].replace("\u2212", "-")) for text in texts]

    def order() -> list[str]:
        return page.locator(".rows b").all_text_contents()

    assert changes() == sorted(changes(), reverse=True)
    page.locator(".row").nth(3).hover()
    held, seen = order(), page.locator(".rows .change").all_text_contents()
    newest(page, int(server.tell("play 90")))
    expect(page.locator(".rows .change")).not_to_have_text(seen)
    assert changes() != sorted(changes(), reverse=True)
    assert order() == held  # nothing moves away from under the mouse
    page.mouse.move(900, 400)
    newest(page, int(server.tell("play 1")))
    expect(page.locator(".rows b")).not_to_have_text(held)
    found = changes()
    assert found == sorted(found, reverse=True)
    page.reload()
    expect(heading).to_have_text("TSLA")
    expect(page.locator(".sorts [data-by=change]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".row[aria-current]")).to_contain_text("TSLA")


def test_a_symbol_is_added_and_removed_and_a_wrong_one_is_refused(open_page: Open, server: Server) -> None:
    page = open_page(server.url, expected="status of 422")
    drawn(page)
    field = page.get_by_label("Symbol to add")
    field.fill("nvda")
    field.press("Enter")
    expect(page.locator(".rows li", has_text="NVDA")).to_contain_text("no bars yet")
    page.locator(".row", has_text="NVDA").click()
    expect(page.locator(".state[role]")).to_contain_text("No bars yet")
    page.locator("li", has_text="NVDA").hover()
    page.get_by_role("button", name="Stop collecting NVDA").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop collecting").click()
    expect(page.locator(".rows li", has_text="NVDA")).to_have_count(0)
    expect(page.locator("h1")).to_have_text("AAPL")
    drawn(page)
    field.fill("<b>")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".toast").last).to_contain_text("<B> was not added: ")
    assert page.locator(".toast b").count() == 0


def test_the_model_tab_begins_with_the_verdict_and_asks_before_it_rolls_back(open_page: Open, server: Server) -> None:
    page = open_page(server.url + "#model", expected="status of 409")
    model = page.locator("#model")
    expect(model.locator("> :first-child")).to_have_class("verdict bad")
    expect(model.locator(".verdict.bad", has_text="Direction: no skill")).to_be_visible()
    expect(model).to_contain_text(re.compile(r"Hit rate.*%.*Base rate", re.DOTALL))
    expect(model.get_by_role("row", name="previous move").first).to_contain_text("0.5140")
    expect(model.get_by_role("img", name=re.compile("Calibration: predicted"))).to_be_visible()
    expect(model).to_contain_text("volatility_ratio")
    expect(model).to_contain_text(re.compile("Chance of error left.*5.00% of 5.00%", re.DOTALL))
    used = model.locator("tr.current th").last.inner_text()
    model.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(model.locator("tr.current th").last).to_have_text(used)
    model.get_by_role("button", name="Roll back").click()
    page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
    expect(model.locator("tr.current th").last).not_to_have_text(used)
    model.get_by_role("button", name=f"Promote {used}").click()
    page.get_by_role("dialog").get_by_role("button", name="Promote", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("has not beaten")
    page.get_by_role("dialog").get_by_role("button", name="Promote anyway").click()
    expect(model.locator("tr.current th").last).to_have_text(used)
    page.locator("nav [data-tab=chart]").click()
    drawn(page)
    expect(page.locator(".row[aria-current]")).to_contain_text("AAPL")


def test_the_health_tab_shows_rejected_records_as_text(open_page: Open, server: Server) -> None:
    page = open_page(server.url + "#health")
    health = page.locator("#health")
    expect(health).to_contain_text("<script>alert(1)</script>,0")
    expect(health).to_contain_text("the stream was lost: <i>why</i>")
    expect(health).to_contain_text(re.compile(r"99% within\s*21 ms"))
    expect(health.get_by_role("progressbar", name="Replay")).to_be_visible()


def test_where_nothing_is_collected_the_search_says_so_and_a_newest_day_is_a_date(
    open_page: Open, empty_server: Server
) -> None:
    def change(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"collected": None})

    page = open_page("about:blank")
    page.route("**/symbols", change)
    page.goto(empty_server.url + "#health")
    expect(page.locator("[data-part=none]")).to_contain_text("No symbols yet. None can be added here")
    empty_server.tell("days DAYS")  # no other test has this symbol: what its candles are made of outlives `forget`
    expect(page.locator(".rows b")).to_have_text(["DAYS"])
    expect(page.locator("#health")).to_contain_text(re.compile(r"Newest bar\s*\w{3} \d+ \w{3} \d{4}(?! \d)"))
    page.locator(".row", has_text="DAYS").click()  # asks for minutes, which days cannot be shown at
    expect(page).to_have_url(re.compile("#chart/DAYS/1d$"))
    drawn(page)
    page.keyboard.press("]")
    until(page, "chart._bars.interval === '1w' && chart._bars.length < 30")
    expect(page.locator("[data-interval='1w']")).to_have_attribute("aria-pressed", "true")
    expect(page).to_have_url(re.compile("#chart/DAYS/1w$"))
    page.keyboard.type("zzz")
    expect(page.locator("[data-part=none]")).to_contain_text("symbols are added to what `tapeline run` collects")


def test_keys_are_listed_and_the_theme_is_remembered(open_page: Open, server: Server) -> None:
    page = open_page(server.url, dark=True)
    drawn(page)
    for number, tab in (("2", "model"), ("4", "health"), ("1", "chart")):
        page.keyboard.press(f"Alt+{number}")
        expect(page.locator(f"#{tab}")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("shorter or longer candles")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="Theme").click()
    page.get_by_label("Light").check()
    page.get_by_label("Blue and orange").check()
    page.keyboard.press("Escape")
    expect(root).to_have_attribute("data-theme", "light")
    page.reload()
    expect(root).to_have_attribute("data-theme", "light")
    expect(root).to_have_attribute("data-pair", "blue")
    drawn(page)
    assert min(page.evaluate(PIXELS)) > 100


def test_on_a_phone_the_watch_list_opens_over_the_chart(open_page: Open, server: Server) -> None:
    page = open_page(server.url, *_PHONE)
    drawn(page)
    expect(page.locator(".watch")).to_be_hidden()
    page.locator(".choose").click()
    page.locator("nav [data-tab=alerts]").click()
    expect(page.get_by_label("New rule")).to_be_visible()
    page.locator("nav [data-tab=chart]").click()
    expect(page.locator(".watch")).to_be_hidden()
    page.locator(".choose").click()
    page.locator(".row", has_text="MSFT").click()
    expect(page.locator(".watch")).to_be_hidden()
    expect(page.locator(".choose")).to_have_text("MSFT")
    drawn(page)
    average = page.locator(".study", has_text="SMA 20")
    expect(average).to_be_hidden()
    page.get_by_role("button", name="2 indicators over the price").click()
    expect(average).to_be_visible()
    page.get_by_role("button", name="Chart", exact=True).click()
    page.get_by_role("button", name="Replay").click()
    end = page.get_by_role("button", name="End the replay")
    box = end.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= _PHONE[0]
    end.click()
    drawn(page)
    page.get_by_role("button", name="Chart", exact=True).click()
    expect(page.get_by_label("One chart")).to_be_hidden()  # more have no room
    page.get_by_role("button", name="Alert at a price").click()
    said = re.compile("When the price crosses (above|below)")  # which one depends on how the close is rounded
    expect(page.get_by_role("dialog")).to_contain_text(said)


def _with_collector(route: Route) -> None:
    answer = route.fetch()
    collector = {"state": "not connected", "last_message": None, "symbols": 1, "events": [], "problems": {}}
    route.fulfill(response=answer, json={**answer.json(), "collector": collector})


def test_the_header_says_what_is_wrong_with_system_and_feed_until_it_is_over(
    empty_server: Server, open_page: Open
) -> None:
    page = open_page(empty_server.url, expected="status of 422")
    badge = page.locator("[data-part=trouble]")
    expect(badge).to_be_hidden()
    empty_server.tell("trouble disk <b>0.50</b> GiB free")
    expect(badge).to_have_text("The disk is nearly full")
    expect(badge).to_have_attribute("title", "The disk is nearly full: <b>0.50</b> GiB free")
    empty_server.tell("trouble clock it was set")
    expect(badge).to_have_text("The disk is nearly full, and 1 more")
    badge.click()
    expect(page.locator("#health")).to_contain_text("<b>0.50</b> GiB free")
    expect(page.locator("#health")).to_contain_text("it was set")
    empty_server.tell("trouble disk")
    expect(badge).to_have_text("The clock is not right")
    empty_server.tell("trouble clock")
    expect(badge).to_be_hidden()

    row = page.locator(".rows li", has_text="NOPE")
    expect(row).to_contain_text("no bars yet")
    status, banner = page.locator("[data-part=status]"), page.locator("[data-part=banner]")
    empty_server.tell("put BTC-USD")  # a market that never closes
    for state, seconds, text, level, said in (
        ("streaming", 2, "Streaming", "good", "^$"),
        ("streaming", 31, "Feed silent", "bad", "No price since .*: the stream is silent"),
        ("polling", 5, "Polling", "warn", "The stream cannot be opened"),
        ("polling", 31, "Polling", "bad", "No price since .*: the stream cannot be opened, and asking .* none either"),
        ("not connected", 300, "Stopped", "bad", "No price since .*: the stream is not connected"),
    ):
        empty_server.tell(f"feed {seconds} {state}")
        expect(status).to_have_text(text)
        expect(status).to_have_attribute("data-state", level)
        expect(banner).to_have_text(re.compile(said))
        assert banner.is_visible() == (level != "good")
    expect(page.locator("[data-part=tick]")).to_have_text("5 min")
    page.route("**/health", _with_collector)  # this server has none
    expect(page.locator("#health .card.bad .light.bad")).to_have_text("Stopped")
    page.unroute("**/health", _with_collector)
    page.set_viewport_size({"width": _PHONE[0], "height": _PHONE[1]})
    assert status.evaluate("(it) => it.scrollWidth <= it.clientWidth"), "the word is whole on a phone, too"
    page.set_viewport_size({"width": _DESKTOP[0], "height": _DESKTOP[1]})
    expect(row).to_contain_text("<b>no</b> such symbol")
    row.hover()
    page.get_by_role("button", name="Stop collecting NOPE").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop collecting").click()
    expect(row).to_have_count(0)
    expect(page.locator("[data-part=unhide]")).to_be_hidden()
    page.get_by_label("Symbol to add").fill("a b c")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".toast").last).to_contain_text("has a blank")
    page.locator("body").press("t")  # wherever the keyboard is
    page.keyboard.type("esla")
    found = page.get_by_role("list", name="Found by name")
    expect(found).to_contain_text("TSLATesla, Inc. · NASDAQAdd")
    page.keyboard.press("Enter")
    expect(page.locator(".rows li", has_text="TSLA")).to_contain_text("no bars yet")
    expect(page.locator("h1")).to_have_text("TSLA")
    expect(found.locator("li")).to_have_count(0)


def test_the_page_says_that_a_store_is_empty_or_unreadable_until_it_is_not(
    empty_server: Server, open_page: Open
) -> None:
    page = open_page(empty_server.url, expected="status of 503")
    expect(page.locator(".state[role]")).to_contain_text("No symbols yet")
    page.keyboard.press("Alt+2")
    expect(page.locator("#model")).to_contain_text("There is no model: <b>too little</b> history")
    page.keyboard.press("Alt+1")
    empty_server.tell("fail disk on fire")
    expect(page.locator("[data-part=banner]")).to_contain_text("The store cannot be read: disk on fire")
    empty_server.tell("put ABC")
    assert drawn(page)["candles"] == 100
    expect(page.locator("[data-part=banner]")).to_be_hidden()
    empty_server.tell("fail disk on fire again")
    expect(page.locator("[data-part=banner]")).to_contain_text("disk on fire again")
    assert drawn(page)["candles"] == 100  # what is known stays on the screen
    empty_server.tell("heal")
    expect(page.locator("[data-part=banner]")).to_be_hidden()


def test_a_lost_or_hanging_server_is_noticed_the_bars_stay_and_a_restarted_one_accepts_changes(
    mortal_server: Server, open_page: Open
) -> None:
    mortal_server.tell("put ABC")
    page = open_page(mortal_server.url, expected="ERR_|status of 503")
    drawn(page)
    status, banner = page.locator("[data-part=status]"), page.locator("[data-part=banner]")
    expect(status).to_have_text("Connected")
    expect(page.locator(".row", has_text="ABC").locator(".last")).to_have_text(re.compile("101"))
    mortal_server.pause()
    page.evaluate("""async () => {
      const real = performance.now.bind(performance);
      performance.now = () => real() + 30_000; // the page's half a minute passes at once
    }""")
    expect(banner).to_contain_text(re.compile(r"connection to the server is lost.* ends .*20\d\d"))
    expect(status).to_have_text("Disconnected")
    mortal_server.resume()
    expect(status).to_have_text("Connected")
    expect(banner).to_be_hidden()

    full = {"detail": "100 pages are open"}
    page.route("**/api/v1/events*", lambda route: route.fulfill(status=503, json=full))
    page.get_by_role("button", name="5m", exact=True).click()
    expect(banner).to_contain_text("does not send this page what changes: 100 pages are open; trying again")
    page.unroute("**/api/v1/events*")
    expect(status).to_have_text("Connected")
    expect(banner).to_be_hidden()

    mortal_server.close()
    expect(banner).to_contain_text("The connection to the server is lost")
    expect(status).to_have_text("Disconnected")
    assert drawn(page)["candles"] == 20
    again = Server("empty", str(urlsplit(mortal_server.url).port))
    with contextlib.closing(again):
        again.tell("put NEW")
        expect(page.locator(".rows b")).to_have_text(["NEW", "NOPE"])
        page.keyboard.press("Alt+3")
        page.get_by_label("New rule").fill("rsi_14 < 30")
        page.keyboard.press("Enter")
        expect(page.locator("#alerts .rules code")).to_have_text(["rsi_14 < 30"])


def test_symbols_and_prices_of_every_length_fit(empty_server: Server, open_page: Open) -> None:
    for symbol in ("7203.T", "BTC-USD", "A-NAME-AS-LONG-AS-THEY-CAN-BE-32"):
        empty_server.tell(f"put {symbol}")
    page = open_page(f"{empty_server.url}#chart/7203.T/1m")
    drawn(page)
    expect(page.locator("[data-part=price]")).to_have_text("101")  # yen: whole prices have no decimals
    expect(page.locator(".legend").first).to_contain_text(re.compile(r"H 108.*C 101"))
    expect(page).to_have_title(re.compile(r"^101 .*% · 7203\.T · tapeline$"))
    expect(page.locator(".row", has_text="BTC-USD").locator(".last")).to_have_text("$101")
    long = page.locator(".row", has_text="A-NAME")
    expect(long.locator("b")).to_have_attribute("title", "A-NAME-AS-LONG-AS-THEY-CAN-BE-32")
    long.click()
    for width in (1440, 1000, 390):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        drawn(page)


def test_markup_from_the_store_stays_text(empty_server: Server, open_page: Open) -> None:
    hostile = "<img/src=x/onerror=alert(1)>"
    empty_server.tell(f"put {hostile}")
    page = open_page(f"{empty_server.url}#chart/{quote('<script>alert(2)</script>', safe='')}", expected="status of 4")
    page.locator(".row", has_text=hostile).wait_for()
    expect(page.locator(".state[role]")).to_contain_text("Nothing to show")
    expect(page.locator(".choose")).to_have_text("<script>alert(2)</script>")
    empty_server.tell("fail <script>alert(3)</script>`${alert(4)}`")
    expect(page.locator("[data-part=banner]")).to_contain_text("<script>alert(3)</script>`${alert(4)}`")
    assert page.locator("body img, body b img, .rows script").count() == 0


def test_strangers_see_nothing_and_viewers_change_nothing(guarded_server: Server, open_page: Open) -> None:
    page = open_page(guarded_server.url, expected="status of 401")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Log in")
    expect(page.locator(".rows li")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Name").fill("bob")
    dialog.get_by_label("Password").fill("wrong")
    dialog.get_by_role("button", name="Log in").click()
    expect(dialog.get_by_role("alert")).to_contain_text("wrong")
    assert problems(page) == []
    dialog.get_by_label("Password").fill("staple the correct horse")
    dialog.get_by_role("button", name="Log in").click()
    expect(dialog).to_have_count(0)
    assert drawn(page)["candles"] == 100
    expect(page.get_by_label("Symbol to add")).to_be_hidden()
    page.set_viewport_size({"width": _PHONE[0], "height": _PHONE[1]})
    for last in (page.get_by_role("button", name="Theme"), page.get_by_role("button", name="Indicators", exact=True)):
        box = last.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= _PHONE[0]  # with a log-out in the line as well
    assert problems(page) == []
    page.get_by_role("button", name="Log out").click()
    expect(dialog).to_contain_text("Log in")
