/** The element of an id; the page has it, or this is a mistake of the page. */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`No element ${id}`);
  return element;
}

/** An element with attributes and children. Texts become text nodes, whatever they hold. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== undefined));
  return element;
}

/** A list of names and values, without those that have none. */
export function facts(entries) {
  const pairs = Object.entries(entries).filter(([, value]) => value !== undefined && value !== '');
  return el(
    'dl',
    { class: 'facts' },
    ...pairs.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, String(value)))),
  );
}

/** A time of the API as a clock says it, with the day; undefined when there is none. */
export function timeOf(text) {
  return text === undefined ? undefined : new Date(text).toLocaleString('en-GB');
}

/** A text that is replaced sooner may not be said at all. */
const SAY_MS = 1_000;

const unsaid = [];
let saying;

/** Has a screen reader say something when it is done with what it says, and after what it was given before. */
export function announce(text) {
  unsaid.push(text);
  if (saying === undefined) sayNext();
}

function sayNext() {
  const text = unsaid.shift();
  saying = undefined;
  if (text === undefined) return;
  const place = byId('announcer');
  // Emptied first, so that the same text is said again.
  place.textContent = '';
  saying = setTimeout(() => {
    place.textContent = text;
    saying = setTimeout(sayNext, SAY_MS);
  }, 60);
}
