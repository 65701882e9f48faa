// Delay and loss over the time of a call.

import uPlot from "/uplot/uPlot.esm.js";

const HEIGHT = 96;

/** Two lines over seconds, in one element; colours follow the scheme of the page. */
class Plot {
  #element;
  #names;
  #plot = null;

  constructor(element, names, least) {
    this.#element = element;
    this.#names = names;
    this.least = least;
    const caption = element.parentElement.querySelector("figcaption");
    caption.append(...names.map((name, index) => key(name, index)));
    new ResizeObserver(() => this.#fit()).observe(element);
  }

  show(data) {
    if (!this.#plot) this.#make(data);
    else this.#plot.setData(data);
  }

  /** Drop the plot, so that the next one has the colours of now. */
  clear() {
    this.#plot?.destroy();
    this.#plot = null;
  }

  #make(data) {
    const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const axis = {
      stroke: colour("--soft"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui",
    };
    const lines = this.#names.map((label, index) => ({
      label,
      stroke: colour(index ? "--them" : "--you"),
      width: 2,
      points: { show: false },
    }));
    this.#plot = new uPlot(
      {
        width: this.#element.clientWidth || 300,
        height: HEIGHT,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(high * 1.15, this.least)] } },
        axes: [
          {
            ...axis,
            size: 22,
            space: 60,
            incrs: [5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600],
            values: (_, ticks) => ticks.map((tick) => clock(tick)),
          },
          { ...axis, size: 36, space: 26 },
        ],
        series: [{}, ...lines],
      },
      data,
      this.#element,
    );
  }

  #fit() {
    const width = this.#element.clientWidth;
    if (this.#plot && width) this.#plot.setSize({ width, height: HEIGHT });
  }
}

/** The two plots of a call. */
export class Plots {
  #plots;

  constructor(delay, loss) {
    this.#plots = [
      [new Plot(delay, ["round trip", "buffer"], 50), (one) => [one.roundTrip, one.buffer]],
      [new Plot(loss, ["to you", "from you"], 5), (one) => [one.lossIn, one.lossOut]],
    ];
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.clear());
  }

  show(samples) {
    for (const [plot, pick] of this.#plots) {
      const times = samples.map((one) => one.at);
      const [first, second] = [0, 1].map((index) => samples.map((one) => pick(one)[index]));
      plot.show([times, first, second]);
    }
  }

  clear() {
    for (const [plot] of this.#plots) plot.clear();
  }
}

function key(name, index) {
  const span = document.createElement("span");
  span.className = `key ${index ? "two" : "one"}`;
  span.textContent = name;
  return span;
}

function clock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;
}
