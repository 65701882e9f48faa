// Elements without markup in strings.

export const byId = (id) => document.getElementById(id);

/** An element with properties and children; `className`, `onclick` and the like are properties. */
export function h(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "use"));
  setIcon(svg, name);
  return svg;
}

export function setIcon(svg, name) {
  svg.firstElementChild.setAttribute("href", `/icons.svg#${name}`);
}

/** Draw a list anew only when what it shows is something else, so that focus and screen readers are left in peace. */
export function drawList(list, shown, makeItem) {
  const key = JSON.stringify(shown);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(...shown.map(makeItem));
}

export function avatar(name) {
  return h("span", { className: "avatar", ariaHidden: "true" }, initial(name));
}

export function initial(name) {
  return [...name.replace(/^[^\p{L}\p{N}]+/u, "")][0] ?? "?";
}
