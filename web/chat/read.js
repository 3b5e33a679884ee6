// Reads what the desk sends: a stanza in, plain facts out. No state, no page.

export const NS = {
  claim: 'urn:frontdesk:0',
  client: 'jabber:client',
  mam: 'urn:xmpp:mam:2',
  rsm: 'http://jabber.org/protocol/rsm',
  forward: 'urn:xmpp:forward:0',
  delay: 'urn:xmpp:delay',
  states: 'http://jabber.org/protocol/chatstates',
  receipts: 'urn:xmpp:receipts',
  markers: 'urn:xmpp:chat-markers:0',
  correct: 'urn:xmpp:message-correct:0',
  retract: 'urn:xmpp:message-retract:1',
  reactions: 'urn:xmpp:reactions:0',
  reply: 'urn:xmpp:reply:0',
  fallback: 'urn:xmpp:fallback:0',
  oob: 'jabber:x:oob',
  form: 'jabber:x:data',
  quick: 'urn:xmpp:tmp:quick-response',
  upload: 'urn:xmpp:http:upload:0',
  nick: 'http://jabber.org/protocol/nick',
  ping: 'urn:xmpp:ping',
  info: 'http://jabber.org/protocol/disco#info',
  stanzas: 'urn:ietf:params:xml:ns:xmpp-stanzas',
};

const REACTIONS_MAX = 10; // shown of one message
const FIELDS_MAX = 30; // of a form
const OPTIONS_MAX = 100; // of a field
const CHOICES_MAX = 12; // of a message
const STATES = ['active', 'composing', 'paused', 'inactive', 'gone'];

/** child is the first direct child of that name and namespace, or null. @param {Element} el @param {string} name @param {string} ns */
export function child(el, name, ns) {
  for (const c of el.children) if (c.localName === name && c.namespaceURI === ns) return c;
  return null;
}

/** children are all of them. @param {Element} el @param {string} name @param {string} ns */
const children = (el, name, ns) => [...el.children].filter(c => c.localName === name && c.namespaceURI === ns);

/** bare is an address without its resource. @param {string | null} jid */
export const bare = jid => (jid || '').split('/')[0].toLowerCase();

/** @param {Element} el @param {string} name @param {string} ns */
const idOf = (el, name, ns) => child(el, name, ns)?.getAttribute('id') || '';

/**
 * readMessage takes a <message/> between the customer and the queue, live or from
 * the archive, and returns all that the page knows to show.
 * @param {Element} el @param {string} queue @returns {Frontdesk.Heard}
 */
export function readMessage(el, queue) {
  const text = child(el, 'body', NS.client)?.textContent ?? null;
  const stamp = Date.parse(child(el, 'delay', NS.delay)?.getAttribute('stamp') || '');
  const reactions = child(el, 'reactions', NS.reactions);
  const form = readForm(child(el, 'x', NS.form)), same = form && without(el, text, NS.form);
  return {
    id: el.getAttribute('id') || '',
    mine: bare(el.getAttribute('from')) !== queue,
    at: Number.isNaN(stamp) ? 0 : stamp,
    body: same ? same.rest : text,
    ...readReply(el, text),
    url: webAddress(child(child(el, 'x', NS.oob) ?? el, 'url', NS.oob)?.textContent),
    face: readFace(el),
    nick: (child(el, 'nick', NS.nick)?.textContent || '').trim().slice(0, 80),
    replaces: idOf(el, 'replace', NS.correct),
    retracts: idOf(el, 'retract', NS.retract),
    reactsTo: reactions?.getAttribute('id') || '',
    reactions: reactions ? [...reactions.children].map(r => r.textContent.trim().slice(0, 16)).filter(Boolean).slice(0, REACTIONS_MAX) : [],
    received: idOf(el, 'received', NS.receipts),
    delivered: idOf(el, 'received', NS.markers),
    displayed: idOf(el, 'displayed', NS.markers),
    wantsReceipt: Boolean(child(el, 'request', NS.receipts)),
    markable: Boolean(child(el, 'markable', NS.markers)),
    state: STATES.find(s => child(el, s, NS.states)) || '',
    form,
    choices: [...children(el, 'response', NS.quick), ...children(el, 'action', NS.quick)].slice(0, CHOICES_MAX).map(readChoice).filter(c => c.value),
  };
}

/** readFace is the hash by which the page's server has the writer's picture, or ''. @param {Element} el */
const readFace = el => /^[0-9a-f]{32}$/.exec(idOf(el, 'face', NS.claim))?.[0] ?? '';

/** readForwarded is the message that an element has in it, and when it was (XEP-0297); null for none. @param {Element} el @param {string} queue */
export function readForwarded(el, queue) {
  const forwarded = child(el, 'forwarded', NS.forward);
  const inner = forwarded && child(forwarded, 'message', NS.client);
  if (!inner) return null;
  const stamp = Date.parse(child(forwarded, 'delay', NS.delay)?.getAttribute('stamp') || '');
  return { ...readMessage(inner, queue), ...(stamp ? { at: stamp } : {}) };
}

/** readForm is a form to fill in (XEP-0004), or null. @param {Element | null} x @returns {Frontdesk.Form | null} */
function readForm(x) {
  if (x?.getAttribute('type') !== 'form') return null;
  /** @param {Element} el @param {string} name */
  const words = (el, name) => (child(el, name, NS.form)?.textContent ?? '').trim();
  return {
    title: words(x, 'title'),
    instructions: children(x, 'instructions', NS.form).map(i => i.textContent).join('\n'),
    fields: children(x, 'field', NS.form).slice(0, FIELDS_MAX).map(f => ({
      name: f.getAttribute('var') ?? '',
      type: f.getAttribute('type') ?? 'text-single',
      label: f.getAttribute('label') || words(f, 'desc') || (f.getAttribute('var') ?? ''),
      required: Boolean(child(f, 'required', NS.form)),
      values: children(f, 'value', NS.form).map(v => v.textContent ?? ''),
      options: children(f, 'option', NS.form).slice(0, OPTIONS_MAX).map(o => ({ label: o.getAttribute('label') || words(o, 'value'), value: words(o, 'value') })),
    })),
  };
}

/** readChoice is a suggested answer (XEP-0439). @param {Element} el @returns {Frontdesk.Choice} */
const readChoice = el => {
  const kind = /** @type {'response' | 'action'} */ (el.localName);
  const value = (el.getAttribute(kind === 'action' ? 'id' : 'value') ?? '').slice(0, 200);
  return { kind, value, label: (el.getAttribute('label') || value).slice(0, 80) };
};

/** readReply parts the quotation from the words of a reply. @param {Element} el @param {string | null} text */
function readReply(el, text) {
  const reply = idOf(el, 'reply', NS.reply), parts = reply && without(el, text, NS.reply);
  return parts ? { reply, quote: parts.cut.replace(/^> ?/gm, '').trim(), body: parts.rest } : { reply };
}

/** without cuts out what is there for clients that do not know ns (XEP-0428, in code points); null if nothing is. @param {Element} el @param {string | null} text @param {string} ns */
function without(el, text, ns) {
  const fallback = children(el, 'fallback', NS.fallback).find(f => f.getAttribute('for') === ns);
  const range = fallback && child(fallback, 'body', NS.fallback);
  if (!range || text === null) return null;
  const points = [...text];
  /** @param {string} name @param {number} other */
  const bound = (name, other) => Math.min(Math.max(parseInt(range.getAttribute(name) ?? '', 10) || other, 0), points.length);
  const start = bound('start', 0), end = bound('end', points.length);
  return { cut: points.slice(start, end).join(''), rest: points.slice(0, start).concat(points.slice(end)).join('').trim() };
}

/**
 * statusOf is the status of a presence in the first of these languages that it has (RFC 4647 §3.4, RFC 6121 §4.7.2.2),
 * else the one that stands first.
 * @param {Element} el @param {string[]} languages
 */
export function statusOf(el, languages) {
  const all = children(el, 'status', NS.client);
  const tag = (/** @type {Element} */ c) => (c.getAttribute('xml:lang') || el.getAttribute('xml:lang') || '').toLowerCase();
  for (const wanted of languages) {
    for (let at = wanted.toLowerCase(); at; at = at.slice(0, Math.max(0, at.lastIndexOf('-')))) {
      const found = all.find(c => tag(c) === at);
      if (found) return found.textContent ?? '';
    }
  }
  return all[0]?.textContent ?? '';
}

/** webAddress is text as an http(s) URL, or ''. @param {string | null | undefined} text */
export function webAddress(text) {
  try {
    const url = new URL(text ?? '');
    return url.protocol === 'https:' || url.protocol === 'http:' ? url.href : '';
  } catch { return ''; }
}

/** readError is the condition and type of a stanza's error. @param {Element | null | undefined} el */
export function readError(el) {
  const error = el && child(el, 'error', NS.client);
  if (!error) return { type: 'wait', condition: 'timeout' };
  const condition = [...error.children].find(c => c.namespaceURI === NS.stanzas && c.localName !== 'text');
  return { type: error.getAttribute('type') || 'cancel', condition: condition?.localName || 'undefined-condition' };
}
