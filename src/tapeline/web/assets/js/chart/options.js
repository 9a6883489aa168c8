// The options of the whole chart, as the drawing library has them: colours, font, crosshair and scales.
import { ColorType, CrosshairMode } from "../../vendor/lightweight-charts.js";
import { RIGHT_OFFSET } from "./window.js";

export function chartOptions({ soft, grid, line, panel, raised, font }) {
  const lineOf = { color: soft, labelBackgroundColor: raised };
  return {
    layout: {
      background: { type: ColorType.Solid, color: panel }, textColor: soft, fontFamily: font, fontSize: 11,
      attributionLogo: false, // it needs an inline style element; the link below the chart takes its place
      panes: { separatorColor: line, separatorHoverColor: raised, enableResize: true },
    },
    grid: { vertLines: { color: grid }, horzLines: { color: grid } },
    crosshair: { mode: CrosshairMode.Normal, vertLine: lineOf, horzLine: lineOf },
    rightPriceScale: { borderColor: line, minimumWidth: 62, entireTextOnly: true },
    timeScale: { borderColor: line, rightOffset: RIGHT_OFFSET, barSpacing: innerWidth < 760 ? 5 : 7, minBarSpacing: 0.5, secondsVisible: false },
  };
}
