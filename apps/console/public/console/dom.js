import { hasMessage, locale, setAttribute, t, textNode } from './i18n.js';

/** The element with an id. @throws Error when the page does not have it */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`No element ${id}`);
  return element;
}

/**
 * An element with attributes and children. Strings become text nodes, never HTML; functions become texts that follow the
 * language.
 */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) setAttribute(element, name, value);
  }
  element.append(...children.filter((child) => child !== undefined).map(nodeOf));
  return element;
}

function nodeOf(child) {
  return child instanceof Node ? child : textNode(child);
}

/** A text on one line, cut off where it does not fit, with the full text as its title. */
export function clamped(tag, className, text) {
  return el(tag, { class: `${className} clamp`, title: text }, text);
}

/** A list of names and values; entries without a value are left out. Names of fields of the API stay as they are. */
export function facts(entries) {
  const pairs = Object.entries(entries).filter(([, value]) => value !== undefined && value !== '');
  return el(
    'dl',
    { class: 'facts' },
    ...pairs.map(([name, value]) => el('div', {}, el('dt', {}, labelOf(name)), clamped('dd', 'fact', textOf(value)))),
  );
}

function labelOf(name) {
  return hasMessage(`fact.${name}`) ? () => t(`fact.${name}`) : name;
}

function textOf(value) {
  return typeof value === 'function' ? value : String(value);
}

/** A time of the API as date and time of day in the page's language; undefined when there is none. */
export function timeOf(text) {
  return text === undefined ? undefined : () => new Date(text).toLocaleString(locale());
}

/** A screen reader may skip a text that is replaced sooner. */
const SAY_MS = 1_000;

const unsaid = [];
let saying;

/** Queues a text for screen readers. */
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
