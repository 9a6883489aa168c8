// What the page's components share. NiceGUI serves this folder as the module "tapeline".
export { Clock, amount, percent, price, signed, trend } from "./format.js";
export { barsThatFit, dataOption, number, wholeOption } from "./option.js";
export { Ticks } from "./ticks.js";
export { palette, watchAppearance } from "./theme.js";
