import { en } from './messages/en.js';
import { zh } from './messages/zh.js';

/** By language. Both have the same keys. */
const LANGUAGES = {
  en: { tag: 'en', locale: 'en-GB', messages: en },
  zh: { tag: 'zh-CN', locale: 'zh-CN', messages: zh },
};
/** Where the choice of a language is kept; it is all that this page stores. */
const STORE = 'mimc-console.language';

let language = LANGUAGES.en;

/** By node: how to write each of its texts again when the language changes, by attribute, or '' for its content. */
const writers = new WeakMap();

/** The message of a key, with `{name}` replaced by values; those that are functions are called. */
export function t(key, values = {}) {
  const message = language.messages[key];
  if (message === undefined) throw new Error(`No message ${key}`);
  return message.replace(/\{(\w+)\}/g, (_match, name) => {
    const value = values[name];
    return typeof value === 'function' ? value() : String(value);
  });
}

/** As {@link t}, with the message `.one` or `.other` by `count`, which both show as `{count}`. */
export function plural(key, count, values = {}) {
  return t(`${key}.${count === 1 ? 'one' : 'other'}`, { ...values, count: count.toLocaleString('en') });
}

export function hasMessage(key) {
  return Object.hasOwn(language.messages, key);
}

export function locale() {
  return language.locale;
}

/** A text node, which follows the language when `text` is a function. */
export function textNode(text) {
  const node = document.createTextNode('');
  if (typeof text === 'function') write(node, '', () => (node.data = text()));
  else node.data = text;
  return node;
}

/** The content of an element; a function is called again when the language changes. */
export function setText(element, text) {
  element.replaceChildren(...(text === '' ? [] : [textNode(text)]));
}

/** As {@link setText}, for an attribute. */
export function setAttribute(element, name, value) {
  if (typeof value === 'function') write(element, name, () => element.setAttribute(name, value()));
  else element.setAttribute(name, value);
}

function write(node, name, writer) {
  if (!writers.has(node)) writers.set(node, new Map());
  writers.get(node).set(name, writer);
  writer();
}

/** Begins in the language that was chosen before, or else in that of the browser, and lets `button` switch. */
export function startLanguage(button) {
  for (const element of document.querySelectorAll('[data-t]')) setText(element, () => t(element.dataset.t));
  for (const name of ['placeholder', 'aria-label', 'value']) {
    for (const element of document.querySelectorAll(`[data-t-${name}]`)) {
      setAttribute(element, name, () => t(element.getAttribute(`data-t-${name}`)));
    }
  }
  // The button says what it does in the language that it switches to.
  setAttribute(button, 'lang', () => other().tag);
  use(LANGUAGES[stored()] ?? preferred());
  button.addEventListener('click', () => {
    use(other());
    store(language === LANGUAGES.zh ? 'zh' : 'en');
  });
}

function use(chosen) {
  language = chosen;
  document.documentElement.lang = chosen.tag;
  const nodes = document.createTreeWalker(document, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
  for (let node = nodes.nextNode(); node !== null; node = nodes.nextNode()) {
    for (const writer of writers.get(node)?.values() ?? []) writer();
  }
}

function other() {
  return language === LANGUAGES.zh ? LANGUAGES.en : LANGUAGES.zh;
}

/** The first of the browser's languages that there is here. */
function preferred() {
  const tags = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase());
  return LANGUAGES[tags.find((tag) => Object.hasOwn(LANGUAGES, tag))] ?? LANGUAGES.en;
}

/** A browser may refuse the page its storage; the choice then lasts until the page is closed. */
function stored() {
  try {
    return localStorage.getItem(STORE);
  } catch {
    return null;
  }
}

function store(name) {
  try {
    localStorage.setItem(STORE, name);
  } catch {
    // See above.
  }
}
