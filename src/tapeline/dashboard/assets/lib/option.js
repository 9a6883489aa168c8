// ECharts options of the chart. `chart` below is the component's plain state: columns, layout, hidden groups, range,
// clock, ticks, decimals. Series that draw an output have its name as their id, so that an update is a merge by id.

import { amount, price } from "./format.js";

const UP = 1;
const DOWN = 2;
const HOLD = 3;
const VOLUME_SHARE = 5; // the tallest volume bar takes a fifth of the price pane,
const VOLUME_SPACE = 0.22; // and prices leave that much room below them
const GUIDES = { rsi: [30, 70] };

// How many bars of about seven pixels a chart of this width shows at first.
export function barsThatFit(width) {
  return Math.max(40, Math.round((width - 70) / 7));
}

export function wholeOption(chart, size, colors) {
  const panes = visiblePanes(chart);
  const boxes = stack(panes, size);
  const narrow = size.width < 600;
  const all = panes.map((_, i) => i);
  const axis = (pane, i) => xAxis(chart, pane, i, i === panes.length - 1, colors);
  return {
    animation: false,
    backgroundColor: "transparent",
    textStyle: { fontFamily: colors.font, color: colors.soft },
    title: panes.slice(1).map((pane, i) => paneTitle(pane, boxes[i + 1], colors)),
    grid: boxes.map((box) => ({ ...box, left: 6, right: rightMargin(size), outerBoundsMode: "none" })),
    axisPointer: { link: [{ xAxisIndex: "all" }], label: { backgroundColor: colors.raised, color: colors.ink } },
    tooltip: { trigger: "axis", showContent: false, axisPointer: { type: "cross", lineStyle: { color: colors.soft }, crossStyle: { color: colors.soft } } },
    xAxis: panes.map(axis),
    yAxis: [...panes.map((pane, i) => yAxis(chart, pane, i, colors)), volumeAxis()],
    dataZoom: [
      { id: "inside", type: "inside", xAxisIndex: all, minValueSpan: 15, ...zoomRange(chart) },
      ...(narrow ? [] : [slider(chart, all, size, colors)]),
    ],
    series: series(chart, panes, colors),
  };
}

// Only what new bars change; merged into what is drawn.
export function dataOption(chart, colors) {
  const panes = visiblePanes(chart);
  return {
    xAxis: panes.map((pane) => ({ id: `x:${pane.name}`, data: chart.columns.t })),
    dataZoom: [{ id: "inside", ...zoomRange(chart) }, ...(chart.narrow ? [] : [{ id: "slider", ...zoomRange(chart) }])],
    series: series(chart, panes, colors),
  };
}

function visiblePanes(chart) {
  const panes = new Map([["price", { name: "price", title: "", outputs: [] }]]);
  if (chart.columns.p.some((p) => p !== null) && !chart.hidden.has("predictions")) {
    panes.set("predictions", { name: "predictions", title: "P(UP)", outputs: [] });
  }
  for (const output of chart.layout) {
    if (chart.hidden.has(output.group)) continue;
    if (!panes.has(output.pane)) panes.set(output.pane, { name: output.pane, title: output.label, outputs: [] });
    panes.get(output.pane).outputs.push(output);
  }
  return [...panes.values()];
}

// Heights from top to bottom: the price pane takes what the others leave.
function stack(panes, { width, height }) {
  const bottom = width < 600 ? 24 : 56;
  const gap = 16;
  const others = panes.length - 1;
  const small = Math.round(Math.min(104, Math.max(48, (height - bottom) * 0.13)));
  const boxes = [{ top: 8, height: Math.max(120, height - bottom - 8 - others * (small + gap)) }];
  for (let i = 0; i < others; i++) {
    const above = boxes.at(-1);
    boxes.push({ top: above.top + above.height + gap, height: small });
  }
  return boxes;
}

function rightMargin({ width }) {
  return width < 600 ? 54 : 66;
}

function zoomRange({ range }) {
  return { startValue: range.first, endValue: range.last };
}

function paneTitle(pane, box, colors) {
  return {
    text: pane.title,
    left: 10,
    top: box.top - 1,
    padding: 0,
    textStyle: { color: colors.soft, fontSize: 11, fontWeight: 500, fontFamily: colors.font },
  };
}

function slider(chart, all, size, colors) {
  return {
    id: "slider",
    type: "slider",
    xAxisIndex: all,
    left: 6,
    right: rightMargin(size),
    height: 18,
    bottom: 4,
    brushSelect: false,
    showDetail: false,
    borderColor: "transparent",
    backgroundColor: "transparent",
    fillerColor: colors.band,
    dataBackground: { lineStyle: { color: colors.line }, areaStyle: { color: colors.line, opacity: 0.5 } },
    selectedDataBackground: { lineStyle: { color: colors.soft }, areaStyle: { color: colors.soft, opacity: 0.3 } },
    handleSize: "90%",
    handleStyle: { color: colors.panel, borderColor: colors.soft },
    moveHandleSize: 0,
    ...zoomRange(chart),
  };
}

function xAxis(chart, pane, i, labelled, colors) {
  return {
    id: `x:${pane.name}`,
    type: "category",
    gridIndex: i,
    data: chart.columns.t,
    boundaryGap: true,
    axisLine: { lineStyle: { color: colors.line } },
    axisTick: { show: false },
    axisLabel: {
      show: labelled,
      color: colors.soft,
      fontSize: 11,
      interval: (place) => chart.ticks.marked.has(place),
      formatter: (value) => chart.ticks.labels.get(Number(value)) ?? "",
    },
    splitLine: { show: true, interval: (place) => chart.ticks.days.has(place), lineStyle: { color: colors.line } },
    axisPointer: {
      label: { show: labelled, formatter: ({ value }) => chart.clock.full(Number(value)), fontSize: 11 },
    },
  };
}

function yAxis(chart, pane, i, colors) {
  const guides = GUIDES[pane.outputs[0]?.family];
  const reach = pane.name === "predictions" ? furthest(chart.columns.p) : 0;
  const marks = guides ?? (reach ? [-reach / 2, 0, reach / 2] : null);
  const text = (value) => paneNumber(chart, pane, value);
  return {
    id: `y:${pane.name}`,
    gridIndex: i,
    position: "right",
    scale: !reach,
    splitNumber: pane.name === "price" ? 6 : 2,
    ...(guides ? { min: 0, max: 100 } : {}),
    ...(reach ? { min: -reach, max: reach } : {}),
    ...(pane.name === "price" ? { min: ({ min, max }) => min - (max - min) * VOLUME_SPACE } : {}),
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: {
      color: colors.soft, fontSize: 11, hideOverlap: true, formatter: text,
      ...(marks ? { customValues: marks } : { showMinLabel: false, showMaxLabel: pane.name === "price" }),
    },
    splitLine: { show: pane.name === "price", lineStyle: { color: colors.line, opacity: 0.6 } },
    axisPointer: { label: { formatter: ({ value }) => text(value), fontSize: 11 } },
  };
}

// How far probabilities go from an even chance, in steps of four hundredths.
function furthest(probabilities) {
  return Math.ceil(25 * Math.max(0.04, ...probabilities.map((p) => (p === null ? 0 : Math.abs(p - 0.5)))) - 1e-9) / 25;
}

function paneNumber(chart, pane, value) {
  if (pane.name === "predictions") return `${Math.round((value + 0.5) * 100)}%`;
  return GUIDES[pane.outputs[0]?.family] ? price(value, 0) : number(chart, pane.outputs[0], value);
}

// A value of an indicator with sensible decimals: those of prices over the price, one more below, fewer in percent.
export function number(chart, output, value) {
  if (!output || output.pane === "price") return price(value, chart.decimals);
  return price(value, GUIDES[output.family] ? 1 : chart.decimals + 1);
}

function volumeAxis() {
  return {
    id: "y:volume",
    gridIndex: 0,
    show: false,
    min: 0,
    max: ({ max }) => max * VOLUME_SHARE || 1,
    axisPointer: { show: false },
  };
}

function series(chart, panes, colors) {
  const { o, h, l, c, v, p } = chart.columns;
  const rising = (i) => c[i] >= o[i];
  const last = c.length - 1;
  const tallest = cap(v);
  const found = [
    {
      id: "candles", type: "candlestick", xAxisIndex: 0, yAxisIndex: 0, barMaxWidth: 12, z: 3,
      itemStyle: { color: colors.up, color0: colors.down, borderColor: colors.up, borderColor0: colors.down },
      data: c.map((_, i) => [o[i], c[i], l[i], h[i]]),
      markLine: {
        symbol: "none", silent: true, animation: false,
        lineStyle: { color: rising(last) ? colors.up : colors.down, type: "dotted", width: 1 },
        label: {
          position: "end", distance: 4, fontSize: 11, padding: [2, 4], borderRadius: 2, color: colors.panel,
          backgroundColor: rising(last) ? colors.up : colors.down, formatter: price(c[last], chart.decimals),
        },
        data: last < 0 ? [] : [{ yAxis: c[last] }],
      },
    },
    {
      id: "volume", type: "bar", xAxisIndex: 0, yAxisIndex: panes.length, barMaxWidth: 12, silent: true,
      data: v.map((value, i) => ({ value: Math.min(value, tallest), itemStyle: { color: rising(i) ? colors.up : colors.down, opacity: 0.28 } })),
    },
  ];
  panes.forEach((pane, i) => {
    if (pane.name === "predictions") found.push(...predictions(chart, i, colors));
    for (const output of pane.outputs) found.push(...drawn(chart, output, i, colors));
  });
  return found;
}

// The height at which volume bars are cut off, so that the auctions at open and close do not flatten all the others.
function cap(volumes) {
  const sorted = [...volumes].sort((a, b) => a - b);
  return 1.25 * sorted[Math.floor(0.97 * (sorted.length - 1))] || Infinity;
}

// Calls as bars away from an even chance, and triangles on the candles where the call turns.
function predictions(chart, pane, colors) {
  const { s, p, y, h, l } = chart.columns;
  const tint = (direction) => (direction === UP ? colors.up : direction === DOWN ? colors.down : colors.soft);
  const turns = [];
  s.forEach((call, i) => {
    if ((call !== UP && call !== DOWN) || call === s[i - 1]) return;
    const wrong = y[i] !== call && (y[i] === UP || y[i] === DOWN);
    const open = y[i] === 0 || y[i] === HOLD;
    turns.push({
      value: [i, call === UP ? l[i] : h[i]],
      symbolRotate: call === UP ? 0 : 180,
      symbolOffset: [0, call === UP ? 11 : -11],
      itemStyle: {
        color: wrong ? colors.panel : tint(call), borderColor: tint(call), borderWidth: 1.4, opacity: open ? 0.45 : 1,
      },
    });
  });
  return [
    {
      id: "predictions", type: "bar", xAxisIndex: pane, yAxisIndex: pane, barMaxWidth: 12, barCategoryGap: "10%",
      data: p.map((value, i) => (value === null ? null : { value: value - 0.5, itemStyle: { color: tint(s[i]) } })),
    },
    { id: "turns", type: "scatter", xAxisIndex: 0, yAxisIndex: 0, z: 5, silent: true, symbol: "triangle", symbolSize: 9, data: turns },
  ];
}

function drawn(chart, output, pane, colors) {
  const values = chart.columns[output.name];
  const base = { id: output.name, xAxisIndex: pane, yAxisIndex: pane, silent: true };
  const color = colors.lines[output.color];
  if (output.role === "histogram") {
    const bars = values.map((value) => (value === null ? null : { value, itemStyle: { color: value < 0 ? colors.down : colors.up, opacity: 0.6 } }));
    return [{ ...base, type: "bar", barMaxWidth: 12, data: bars }];
  }
  const line = {
    ...base, type: "line", symbol: "none", z: 4, data: values,
    lineStyle: { color, width: output.role === "line" ? 1.3 : 0.9, type: output.role === "signal" ? "dashed" : "solid" },
  };
  const guides = GUIDES[output.family];
  if (guides) {
    line.markLine = {
      symbol: "none", silent: true, animation: false, label: { show: false },
      lineStyle: { color: colors.soft, type: "dashed", width: 0.8, opacity: 0.6 }, data: guides.map((y) => ({ yAxis: y })),
    };
  }
  const upper = output.role === "lower" ? chart.columns[output.partner] : null;
  if (!upper) return [line];
  // the space between the two lines: what is above the lower one, stacked on it
  const fill = { type: "line", symbol: "none", silent: true, xAxisIndex: pane, yAxisIndex: pane, lineStyle: { width: 0 }, z: 1 };
  const stackName = `${output.name}:fill`;
  return [
    line,
    { ...fill, id: `${output.name}:base`, stack: stackName, data: values },
    {
      ...fill, id: stackName, stack: stackName, areaStyle: { color: colors.band },
      data: values.map((value, i) => (value === null || upper[i] === null ? null : upper[i] - value)),
    },
  ];
}
