"""The page in a real browser, over real bars: what is drawn, how it moves, and how it is used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, WebSocket, expect

from tests.browser.conftest import Open, Server

_DESKTOP, _PHONE = (1440, 900), (390, 844)

#: What ECharts holds: series lengths by id, the zoomed range, and how many pixels have the candles' colours.
_CHART = """() => {
  const chart = getElement(Number(document.querySelector(".tl-chart").id.slice(1))).echart;
  const option = chart.getOption();
  const canvas = document.querySelector(".tl-canvas canvas");
  const probe = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height })
    .getContext("2d", { willReadFrequently: true });
  probe.drawImage(canvas, 0, 0);
  const pixels = probe.getImageData(0, 0, canvas.width, canvas.height).data;
  const counts = ["--tl-up", "--tl-down"].map((name) => {
    probe.fillStyle = getComputedStyle(document.body).getPropertyValue(name);
    probe.fillRect(0, 0, 1, 1);
    const [r, g, b] = probe.getImageData(0, 0, 1, 1).data;
    let count = 0;
    for (let i = 0; i < pixels.length; i += 4) count += pixels[i] === r && pixels[i + 1] === g && pixels[i + 2] === b;
    return count;
  });
  return {
    series: Object.fromEntries(option.series.map((s) => [s.id, s.data.length])),
    last: option.series.find((s) => s.id === "candles").data.at(-1),
    times: option.xAxis[0].data,
    panes: option.grid.length,
    range: [option.dataZoom[0].startValue, option.dataZoom[0].endValue],
    up: counts[0],
    down: counts[1],
  };
}"""


def drawn(page: Page) -> dict[str, Any]:
    """The chart's state, once there are candles."""
    page.wait_for_function("document.querySelector('.tl-chart h1')?.textContent !== '–'")
    expect(page.locator(".tl-state")).to_have_count(0)
    page.wait_for_function("getElement(Number(document.querySelector('.tl-chart').id.slice(1))).chart !== null")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return dict(page.evaluate(_CHART))


@pytest.mark.parametrize("dark", [True, False], ids=["dark", "light"])
@pytest.mark.parametrize("size", [_DESKTOP, _PHONE], ids=["1440", "390"])
def test_candles_volume_indicators_and_calls_are_drawn(
    open_page: Open, server: Server, pictures: Path, size: tuple[int, int], dark: bool
) -> None:
    page = open_page(server.url, *size, dark=dark)
    found = drawn(page)
    for name in ("candles", "volume", "sma_20", "sma_200", "bbands_20_2_upper", "macd_12_26_9_hist", "rsi_14"):
        assert found["series"][name] == 1000, name
    assert found["series"]["predictions"] == 1000
    assert found["series"]["turns"] > 0
    assert found["panes"] == 4  # price with volume, P(UP), MACD, RSI
    assert found["up"] > 300
    assert found["down"] > 300
    expect(page.locator(".tl-watch li")).to_have_count(24)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= size[0]
    assert page.evaluate("document.body.classList.contains('body--dark')") is dark
    expect(page.locator(".tl-status")).to_contain_text(re.compile(r"replay [\d,]+ of 43,164 bars"))
    expect(page.locator(".tl-status")).to_contain_text(re.compile(r"last bar .* 2019 \d\d:\d\d EST"))
    expect(page.locator(".tl-status")).to_contain_text("Not advice")
    expect(page.locator(".tl-grade")).to_contain_text(re.compile(r"\d+ calls .* right \(95% interval .*always"))
    page.screenshot(path=pictures / f"page-{size[0]}-{'dark' if dark else 'light'}.png", full_page=size == _PHONE)


def test_new_bars_come_by_themselves_and_are_small(open_page: Open, server: Server) -> None:
    received: list[int] = []
    page = open_page("about:blank")

    def count(socket: WebSocket) -> None:
        socket.on("framereceived", lambda payload: received.append(len(payload)))

    page.on("websocket", count)
    open_page(server.url, page=page)
    before = drawn(page)
    received.clear()
    time = server.tell("play 1")
    page.wait_for_function(
        "(time) => getElement(Number(document.querySelector('.tl-chart').id.slice(1))).chart.columns.t.at(-1) === time",
        arg=int(time),
    )
    after = drawn(page)
    assert after["times"][-1] == int(time)
    assert after["times"][:-1] == before["times"][1:]  # one came, the oldest went
    assert after["range"][1] == 999  # the chart follows
    assert after["range"][1] - after["range"][0] == before["range"][1] - before["range"][0]
    assert sum(received) < 30_000  # the chart whole is ten times that


def test_a_zoomed_chart_stays_where_it_is_when_bars_come(open_page: Open, server: Server) -> None:
    page = open_page(server.url)
    drawn(page)
    box = page.locator(".tl-canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 400, box["y"] + 150)
    expect(page.locator(".tl-readout")).not_to_contain_text("forming")
    page.mouse.down()
    page.mouse.move(box["x"] + 700, box["y"] + 150, steps=4)  # drags the past into view
    page.mouse.up()
    dragged = drawn(page)
    assert dragged["range"][1] < 990
    page.mouse.wheel(0, -400)
    zoomed = drawn(page)
    assert zoomed["range"][1] - zoomed["range"][0] < dragged["range"][1] - dragged["range"][0]
    shown = [zoomed["times"][i] for i in zoomed["range"]]
    time = int(server.tell("play 2"))
    page.wait_for_function(
        "(time) => getElement(Number(document.querySelector('.tl-chart').id.slice(1))).chart.columns.t.at(-1) === time",
        arg=time,
    )
    after = drawn(page)
    assert [after["times"][i] for i in after["range"]] == shown


def test_the_crosshair_reads_any_bar_in_both_zones(open_page: Open, server: Server) -> None:
    page = open_page(server.url)
    drawn(page)
    newest = page.locator(".tl-readout").inner_text()
    box = page.locator(".tl-canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 100)
    expect(page.locator(".tl-readout")).not_to_have_text(newest)
    expect(page.locator(".tl-readout")).to_contain_text(re.compile(r"2019 \d\d:\d\d EST.*2019 \d\d:\d\d UTC"))


def test_arrow_keys_and_clicks_switch_the_symbol_and_the_address_keeps_it(open_page: Open, server: Server) -> None:
    page = open_page(server.url)
    drawn(page)
    expect(page.locator(".tl-chart h1")).to_have_text("AAPL")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".tl-chart h1")).to_have_text("AMZN")
    page.keyboard.press("ArrowUp")
    expect(page.locator(".tl-chart h1")).to_have_text("AMT")
    page.locator(".tl-watch li", has_text="TSLA").click()
    expect(page.locator(".tl-chart h1")).to_have_text("TSLA")
    assert page.url.endswith("?symbol=TSLA")
    page.reload()
    expect(page.locator(".tl-chart h1")).to_have_text("TSLA")
    expect(page.locator(".tl-watch li[aria-selected=true]")).to_contain_text("TSLA")


def test_indicators_are_switched_off_and_on_and_remembered(open_page: Open, server: Server) -> None:
    page = open_page(server.url)
    assert drawn(page)["panes"] == 4
    page.locator(".tl-chips button", has_text="RSI 14").click()
    page.locator(".tl-chips button", has_text="EMA 12").click()
    found = drawn(page)
    assert found["panes"] == 3
    assert "rsi_14" not in found["series"]
    assert "ema_12" in found["series"]
    page.reload()
    assert drawn(page)["panes"] == 3


def test_appearance_is_chosen_and_remembered(open_page: Open, server: Server) -> None:
    page = open_page(server.url, dark=True)
    drawn(page)
    button = page.locator(".tl-appearance")
    expect(button).to_contain_text("System")
    button.click()
    button.click()
    expect(button).to_contain_text("Light")
    expect(page.locator("body")).to_have_class(re.compile("body--light"))
    page.reload()
    expect(page.locator("body")).to_have_class(re.compile("body--light"))
    assert drawn(page)["up"] > 300


def test_on_a_phone_the_watch_list_folds(open_page: Open, server: Server) -> None:
    page = open_page(server.url, *_PHONE)
    drawn(page)
    expect(page.locator(".tl-watch ul")).to_be_hidden()
    page.locator(".tl-watch-fold").click()
    page.locator(".tl-watch li", has_text="MSFT").click()
    expect(page.locator(".tl-watch ul")).to_be_hidden()
    expect(page.locator(".tl-chart h1")).to_have_text("MSFT")


def test_two_tabs_show_their_own_symbols(open_page: Open, server: Server) -> None:
    first = open_page(server.url + "?symbol=SPY")
    second = open_page(server.url + "?symbol=QQQ")
    assert drawn(first)["series"]["candles"] == drawn(second)["series"]["candles"] == 1000
    expect(first.locator(".tl-chart h1")).to_have_text("SPY")
    expect(second.locator(".tl-chart h1")).to_have_text("QQQ")


def test_an_empty_store_says_so_until_bars_come_and_a_broken_one_until_it_is_mended(
    open_page: Open, empty_server: Server
) -> None:
    page = open_page(empty_server.url)
    expect(page.locator(".tl-state")).to_contain_text("No bars yet")
    expect(page.locator(".tl-status")).to_contain_text("no predictions: <b>too little</b> history")
    empty_server.tell("fail disk on fire")
    expect(page.locator(".tl-state")).to_contain_text("The store cannot be read")
    expect(page.locator(".tl-status")).to_contain_text("disk on fire")
    empty_server.tell("put ABC")
    assert drawn(page)["series"]["candles"] == 100
    empty_server.tell("fail disk on fire again")
    expect(page.locator(".tl-status")).to_contain_text("disk on fire again")
    assert drawn(page)["series"]["candles"] == 100  # what is known stays on the screen
    empty_server.tell("heal")
    expect(page.locator(".tl-status")).not_to_contain_text("fire")


def test_whatever_a_store_holds_stays_text(open_page: Open, empty_server: Server) -> None:
    hostile = "<img/src=x/onerror=alert(1)>"
    empty_server.tell(f"put {hostile}")
    page = open_page(f"{empty_server.url}?symbol={quote('</script><script>alert(2)</script>')}")
    expect(page.locator(".tl-chart h1")).to_have_text(hostile)
    drawn(page)
    empty_server.tell("fail <script>alert(3)</script>`${alert(4)}`")
    expect(page.locator(".tl-status")).to_contain_text("<script>alert(3)</script>`${alert(4)}`")
    assert page.locator("#app img, #app script").count() == 0
