// The few words that make the page's elements.

/** LOCALE is how dates and times are written: as the visitor's browser has it, in the page's language. */
export const LOCALE = navigator.languages.find(l => l.startsWith(T.locale)) ?? T.locale;

/** @param {string} id @returns {any} */
export const $ = id => document.getElementById(id);

/**
 * make is an element with these properties and children; what is null or empty is left out.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag @param {object} fields @param {(Node | string | null)[]} children
 */
export function make(tag, fields = {}, ...children) {
  const el = Object.assign(document.createElement(tag), fields);
  el.append(.../** @type {Node[]} */ (children.filter(c => c !== null && c !== '')));
  return el;
}

/** fill puts values into a text's {places}. @param {string} text @param {Record<string, string>} values */
export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

/** @param {string} href @param {...(Node | string)} inside */
export const anchor = (href, ...inside) => make('a', { href, target: '_blank', rel: 'noopener noreferrer', referrerPolicy: 'no-referrer' }, ...inside);

const LINK = /(https?:\/\/[^\s<>"]+)/;

/** linked is text as nodes, its web addresses as links; what ends a sentence is not part of one. @param {string} text */
export function linked(text) {
  return text.split(LINK).flatMap((part, i) => {
    if (i % 2 === 0) return part ? [part] : [];
    const url = part.replace(/[.,;:!?'’”)\]]+$/, '');
    return [anchor(url, url), part.slice(url.length)].filter(Boolean);
  });
}

/** @param {string} url */
export function fileName(url) {
  const last = new URL(url).pathname.split('/').pop() ?? '';
  try { return decodeURIComponent(last) || url; } catch { return last; }
}

/** uuid is crypto.randomUUID, which browsers give to secure origins only. */
export function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  return Array.from(b, x => x.toString(16).padStart(2, '0')).join('').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
