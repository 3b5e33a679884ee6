// One message as elements. Everything foreign becomes text nodes: nothing that comes
// from the wire is ever parsed as HTML.

import { LOCALE, anchor, fileName, fill, linked, make } from './dom.js';
import { formOf } from './form.js';

const IMAGE = /\.(png|jpe?g|gif|webp|avif)$/i;

/** @type {Record<string, string>} */
const STATE_TEXT = T.states;

export const clock = new Intl.DateTimeFormat(LOCALE, { hour: '2-digit', minute: '2-digit' });

/**
 * partsOf is what a message's element holds. images are the origins that pictures are shown from.
 * @param {Frontdesk.Message} m @param {string} who @param {string[]} images
 * @param {(fields: [string, string[]][], words: string) => void} filled
 */
export function partsOf(m, who, images, filled) {
  const meta = make('p', { className: 'meta' }, make('time', { dateTime: new Date(m.at).toISOString(), textContent: clock.format(m.at) }));
  if (m.edited && !m.retracted) meta.append(` · ${T.edited}`);
  if (m.state) meta.append(' · ', make('span', { className: 'state', textContent: STATE_TEXT[m.state] }));
  if (m.state === 'failed') {
    const again = make('button', { type: 'button', className: 'again', textContent: T.again });
    again.dataset.again = m.id;
    meta.append(' ', again);
  }
  const bubble = make('div', { className: 'bubble' }, make('span', { className: 'unseen', textContent: `${who}: ` }));
  if (m.retracted) bubble.append(make('p', { className: 'withdrawn', textContent: T.withdrawn }));
  else {
    if (m.quote) bubble.append(make('blockquote', { textContent: m.quote }));
    if (m.url) bubble.append(file(m.url, images));
    if (m.body && m.body !== m.url) bubble.append(make('p', { className: 'body' }, ...linked(m.body)));
    if (m.form) bubble.append(formOf(m.form, filled));
  }
  const row = make('div', { className: 'row' }, bubble);
  if (!m.retracted && m.state !== 'failed' && m.state !== 'waiting') {
    const more = make('button', { type: 'button', className: 'plain more', ariaLabel: T.actions, textContent: '⋯' });
    more.dataset.more = m.key;
    row.append(more);
  }
  const parts = [make('p', { className: 'day' }), make('p', { className: 'who', ariaHidden: 'true' }, m.face ? face(m.face) : null, who), row];
  const reactions = [...m.reactions, ...m.own];
  if (reactions.length && !m.retracted) {
    parts.push(make('p', { className: 'reactions' }, make('span', { className: 'unseen', textContent: T.reactions }), ...reactions.map(r => make('span', { textContent: r }))));
  }
  return [...parts, meta];
}

/** face is who writes; one that is there no more leaves no hole. @param {string} id */
const face = id => {
  const img = make('img', { src: `../face/${id}`, alt: '' });
  img.onerror = () => img.remove();
  return img;
};

/** @param {string} url @param {string[]} images */
function file(url, images) {
  const name = fileName(url), { origin, pathname } = new URL(url);
  const link = IMAGE.test(pathname) && (origin === location.origin || images.includes(origin))
    ? anchor(url, make('img', { src: url, alt: fill(T.image, { name }), loading: 'lazy', referrerPolicy: 'no-referrer' }))
    : anchor(url, name);
  return make('p', { className: 'file' }, link);
}
