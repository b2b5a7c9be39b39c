/** A small bar chart, drawn as SVG in the page's colours. */

import { element } from "../dom.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 100;
const STEP = 10;
const GAP = 2;

/**
 * Returns a figure of `bars`, {name, count}, called `label`. Below the bars it shows the names of the first and the last;
 * each bar has its name and number as a tooltip, and screen readers get `summary`.
 */
export function barChart({ label, summary, bars }) {
  const most = Math.max(1, ...bars.map(({ count }) => count));
  const chart = made("svg", {
    viewBox: `0 0 ${bars.length * STEP} ${HEIGHT}`,
    preserveAspectRatio: "none",
    class: "chart-bars",
    role: "img",
    "aria-label": `${label}: ${summary}`,
  });
  chart.append(...bars.map((one, index) => bar(one, index, most)));
  return element(
    "figure",
    { class: "chart" },
    element("figcaption", { class: "chart-head" }, element("span", {}, label), element("strong", {}, summary)),
    chart,
    element(
      "p",
      { class: "chart-ends small muted", "aria-hidden": "true" },
      element("span", {}, bars[0].name),
      element("span", {}, bars.at(-1).name),
    ),
  );
}

function bar({ name, count }, index, most) {
  // A day without any has a thin line, so that the days can be counted.
  const height = Math.max(1, (HEIGHT * count) / most);
  const drawn = made("rect", {
    x: index * STEP + GAP / 2,
    y: HEIGHT - height,
    width: STEP - GAP,
    height,
    class: count > 0 ? "chart-bar" : "chart-bar chart-bar-none",
  });
  const words = made("title");
  words.textContent = `${name}: ${count}`;
  drawn.append(words);
  return drawn;
}

function made(name, attributes = {}) {
  const one = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) one.setAttribute(attribute, value);
  return one;
}
