// The way to the desk: one WebSocket after another, the claim of the thread, its
// archive, and the outbox. Says what comes by callbacks; shows nothing.
//
// SASL ANONYMOUS gives a new address on every connection. XEP-0198 is not asked
// for: such a session can't be resumed. What is lost with a connection comes
// back from the archive and from the outbox.

import { LOCALE } from './dom.js';
import { NS, bare, child, readError, readForwarded, readMessage, statusOf } from './read.js';

/** @typedef {Frontdesk.Out} Out */

const LOGIN_MS = 20_000; // from dialling to the session
const ANSWER_MS = 15_000; // for an answer to a query
const RECEIPT_MS = 15_000; // for the receipt of a message, then all is synchronised again
const QUIET_MS = 45_000; // without a stanza, then we ask whether anybody is there
const WAKE_MS = 5_000; // for an answer when the visitor is back: what slept is mostly dead
const RETRY_MS = [1_000, 30_000]; // first and longest wait before the next attempt
const MANY = 4029; // the code of a socket that is one too many of our address
const STEADY_MS = 10_000; // a session that lasted so long was no failure
const PAGE = 50; // messages of the archive at a time
const PAGES_MAX = 40; // that one synchronisation fetches
const WHOLE_MAX = 400; // pages of a transcript

export class Link {
  #config; #keep; #on; #token;
  /** @type {any} */
  #conn = null; // the connection in use; a callback of any other is stale
  /** @type {Frontdesk.Phase} */
  #phase = 'idle';
  #failures = 0;
  #readySince = 0;
  #timers = new Map();
  #heard = 0;
  /** @type {(() => void)[] | null} */
  #held = null; // what came while what was said before it is fetched
  #session = ''; // the key of who is signed in at the site; kept nowhere
  /** @type {Frontdesk.Place} */
  #place;
  #end = new AbortController(); // of what listens to the page

  /**
   * @param {Frontdesk.Config} config @param {import('./keep.js').Keep} keep @param {Frontdesk.Events} on
   * @param {() => string | undefined} token the site's word for who the visitor is
   * @param {Frontdesk.Place} place that another tab has read to
   */
  constructor(config, keep, on, token, place = { archived: '', earliest: '', pages: 0 }) {
    this.#config = config;
    this.#keep = keep;
    this.#on = on;
    this.#token = token;
    this.#place = { ...place };
    Strophe.setLogLevel(Strophe.LogLevel.FATAL);
    const { signal } = this.#end;
    addEventListener('online', () => this.wake(), { signal });
    addEventListener('offline', () => this.#probe(ANSWER_MS), { signal });
  }

  get ready() { return this.#phase === 'ready'; }

  /** stop ends it for good. */
  stop() {
    this.#end.abort();
    this.#drop();
    this.#phase = 'parked';
  }

  /** again connects anew: the visitor is somebody else now. gone: and who he was is forgotten. */
  again(gone = false) {
    this.#drop();
    this.#session = '';
    this.#place = { archived: '', earliest: '', pages: 0 };
    this.#on.forget(gone);
    this.#phase = 'idle';
    this.connect();
  }

  /** connect opens a connection, unless one is open or opening. */
  connect() {
    if (this.#end.signal.aborted || !['idle', 'waiting', 'crowded', 'parked'].includes(this.#phase)) return;
    this.#enter('login');
    const url = new URL('../xmpp-websocket', location.href);
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const conn = new Strophe.Connection(url.href, { mechanisms: [Strophe.SASLAnonymous] });
    this.#conn = conn;
    this.#after('login', LOGIN_MS, () => this.#lost(conn));
    conn.connect(this.#config.host, null, (/** @type {number} */ status) => {
      const S = Strophe.Status;
      if (conn !== this.#conn) return;
      if (status === S.CONNECTED) this.#bound(conn);
      else if ([S.CONNFAIL, S.AUTHFAIL, S.DISCONNECTED, S.ERROR, S.CONNTIMEOUT].includes(status)) this.#lost(conn);
    });
    // Strophe says nothing of a socket that is closed in order before the login is through.
    conn._proto.socket?.addEventListener('close', (/** @type {CloseEvent} */ e) => {
      this.#lost(conn);
      if (e.code !== MANY || this.#phase !== 'waiting') return;
      this.#enter('crowded');
      this.#after('retry', RETRY_MS[1] * (1 + Math.random()), () => this.connect());
    });
  }

  /** post sends a message of the outbox now, if it can. @param {Out} message */
  post(message) {
    if (!this.ready) return;
    this.#transmit(message);
    this.#expectReceipts();
  }

  /** flush sends what waits in the outbox, if it can. */
  flush() {
    if (!this.ready) return;
    for (const m of this.#keep.all.outbox) if (!m.failed) this.#transmit(m);
    this.#expectReceipts();
  }

  /** signal sends a chat state; it may be lost. @param {string} state */
  signal(state) {
    if (this.ready) this.#send($msg({ to: this.#config.queue, type: 'chat' }).c(state, { xmlns: NS.states }));
  }

  /** displayed tells that the customer has seen a message. @param {string} id */
  displayed(id) {
    if (this.ready) this.#send($msg({ to: this.#config.queue, type: 'chat' }).c('displayed', { xmlns: NS.markers, id }));
  }

  /** earlier fetches the page before the oldest message that is here. */
  async earlier() {
    if (!this.ready || !this.#place.earliest) return;
    const conn = this.#conn;
    try {
      const page = await this.#page(conn, 'before', this.#place.earliest, ++this.#place.pages);
      this.#read({ earliest: page.first || this.#place.earliest });
      this.#on.earlier(!page.complete && page.count > 0);
    } catch { /* the button is still there */ }
  }

  /** whole is all of the thread that the archive has, oldest first. @returns {Promise<Frontdesk.Heard[]>} */
  async whole() {
    const all = [];
    for (let i = 0, after = ''; i < WHOLE_MAX; i++) {
      const page = await this.#fetch(this.#conn, 'after', after);
      all.push(...page.found);
      after = page.last;
      if (page.complete || !page.count) break;
    }
    return all;
  }

  /**
   * slot asks where a file may be put (XEP-0363). It throws the condition, and the largest size if that is why.
   * @param {{ name: string, size: number, type: string }} file @returns {Promise<Frontdesk.Slot>}
   */
  async slot({ name, size, type }) {
    if (!this.ready) throw new Error('not connected');
    const answer = await this.#ask(this.#conn, $iq({ type: 'get', to: this.#config.upload })
      .c('request', { xmlns: NS.upload, filename: name, size, 'content-type': type || 'application/octet-stream' }));
    const slot = answer && child(answer, 'slot', NS.upload);
    const put = slot && child(slot, 'put', NS.upload), get = slot && child(slot, 'get', NS.upload);
    if (!put || !get) {
      const most = answer?.querySelector('file-too-large > max-file-size')?.textContent;
      throw new Error(most ? `max ${most}` : readError(answer).condition);
    }
    const headers = [...put.children].filter(h => h.localName === 'header').map(h => /** @type {[string, string]} */ ([h.getAttribute('name') ?? '', h.textContent ?? '']));
    return { put: put.getAttribute('url') ?? '', get: get.getAttribute('url') ?? '', headers };
  }

  /** release has the desk forget the key, so that nobody can come back with it. */
  async release() {
    const { key } = this.#keep.all;
    if (key && this.ready) await this.#ask(this.#conn, $iq({ type: 'set', to: this.#config.queue }).c('release', { xmlns: NS.claim, key }));
    this.#keep.forget();
    this.again(true);
  }

  // ---- states

  /** @param {Frontdesk.Phase} phase */
  #enter(phase) {
    this.#phase = phase;
    this.#on.phase(phase);
  }

  /** @param {Partial<Frontdesk.Place>} place */
  #read(place) {
    Object.assign(this.#place, place);
    this.#on.place({ ...this.#place });
  }

  /** @param {string} name @param {number} ms @param {() => void} call */
  #after(name, ms, call) {
    this.#cancel(name);
    this.#timers.set(name, setTimeout(() => { this.#timers.delete(name); call(); }, ms));
  }

  /** @param {string} name */
  #cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #drop() {
    const conn = this.#conn;
    this.#conn = null;
    for (const name of this.#timers.keys()) this.#cancel(name);
    if (!conn) return;
    conn.reset(); // no handler of it runs any more
    const { socket } = conn._proto;
    if (socket?.readyState === WebSocket.CONNECTING) { // the browser complains in the console of one that is closed now
      socket.onmessage = socket.onerror = socket.onclose = null;
      socket.onopen = () => socket.close();
    } else conn._proto._closeSocket?.();
  }

  /** @param {any} conn */
  #lost(conn) {
    if (conn !== this.#conn || this.#phase === 'parked') return;
    if (this.#readySince && Date.now() - this.#readySince > STEADY_MS) this.#failures = 0;
    this.#readySince = 0;
    this.#drop();
    this.#enter('waiting');
    this.#after('retry', this.#pause(), () => this.connect());
  }

  // #pause grows with each failure; a random half of it keeps pages from coming back all at once.
  #pause() {
    const whole = Math.min(RETRY_MS[1], RETRY_MS[0] * 2 ** this.#failures++);
    return whole / 2 + Math.random() * whole / 2;
  }

  /** wake is for when the visitor or the network is back. */
  wake() {
    if (this.#phase === 'waiting') {
      this.#failures = 0;
      this.connect();
    } else this.#probe(WAKE_MS);
  }

  /** alive does nothing: that it is done tells another tab that this one is there. */
  alive() {}

  /** #probe asks the server for a sign of life. Any answer is one, a refusal too. @param {number} ms */
  async #probe(ms) {
    const conn = this.#conn;
    if (!['sync', 'ready', 'unreachable'].includes(this.#phase)) return;
    const asked = this.#heard;
    const answer = await this.#ask(conn, $iq({ type: 'get', to: this.#config.host }).c('ping', { xmlns: NS.ping }), ms);
    if (answer === null && asked === this.#heard) this.#lost(conn);
  }

  #listen() {
    this.#heard++;
    this.#after('quiet', QUIET_MS, () => { this.#listen(); this.#probe(ANSWER_MS); });
  }

  // ---- the session

  /** @param {any} conn */
  #bound(conn) {
    this.#cancel('login');
    const hear = (/** @type {(s: Element) => void} */ handler) => (/** @type {Element} */ stanza) => { this.#listen(); handler(stanza); return true; };
    conn.addHandler(hear(s => this.#message(s)), null, 'message');
    conn.addHandler(hear(s => this.#presence(s)), null, 'presence');
    conn.addHandler(hear(s => this.#query(s)), null, 'iq');
    this.#listen();
    conn.send($pres());
    this.#sync(conn);
  }

  // #sync claims the thread, asks for presence, fetches what was missed, and sends what waits, in this order:
  // what the archive has of the outbox is not sent again.
  /** @param {any} conn @returns {Promise<void>} */
  async #sync(conn) {
    if (conn !== this.#conn) return;
    this.#enter('sync');
    this.#cancel('receipt');
    this.#on.busy(true);
    this.#held ??= [];
    try {
      await this.#claim(conn);
      conn.send($pres({ to: this.#config.queue }));
      await this.#history(conn);
      if (conn !== this.#conn) return;
      this.#readySince = Date.now();
      this.#enter('ready');
      this.flush();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (conn !== this.#conn) return;
      this.#enter('unreachable');
      this.#after('retry', this.#pause(), () => this.#sync(conn));
    } finally {
      if (conn === this.#conn || !this.#conn) {
        const held = this.#held ?? [];
        this.#held = null;
        for (const show of held) show();
        this.#on.busy(false);
      }
    }
  }

  /** #inTurn shows what has just been said behind what was said before. @param {() => void} show */
  #inTurn(show) { if (this.#held) this.#held.push(show); else show(); }

  /** @param {any} conn @returns {Promise<void>} */
  async #claim(conn) {
    const { key } = this.#keep.all, token = this.#token();
    // A token is good for a while; what it was exchanged for, as long as the page is.
    const who = token && this.#session ? { key: this.#session } : { ...(token && { token }), ...(key && { key }) };
    const answer = await this.#ask(conn, $iq({ type: 'set', to: this.#config.queue }).c('claim', { xmlns: NS.claim, ...who }));
    if (answer?.getAttribute('type') === 'result') {
      const given = child(answer, 'claim', NS.claim)?.getAttribute('key') || key;
      if (token) this.#session = given;
      else this.#keep.set({ key: given });
      return;
    }
    const refusal = readError(answer);
    if (refusal.condition === 'conflict') this.#lost(conn); // somebody else's conversation is at our address: the next connection has another
    if (token || !key || refusal.condition !== 'item-not-found') throw new Refused(refusal);
    this.#keep.forget(); // the desk does not know this thread any more, or it was left for too long
    this.#read({ archived: '', earliest: '' });
    this.#on.earlier(false);
    this.#on.forget(true);
    await this.#claim(conn);
  }

  /** @param {any} conn */
  async #history(conn) {
    if (!this.#place.archived) {
      const page = await this.#page(conn, 'before', '', 0);
      this.#read({ archived: page.last, earliest: page.first });
      this.#on.earlier(!page.complete && page.count > 0);
      return;
    }
    for (let i = 0; i < PAGES_MAX; i++) {
      const page = await this.#page(conn, 'after', this.#place.archived, 0);
      this.#read({ archived: page.last || this.#place.archived });
      if (page.complete || !page.count) return;
    }
  }

  /** #page fetches one page and hands its messages on in order. @param {any} conn @param {'before' | 'after'} direction @param {string} id @param {number} number */
  async #page(conn, direction, id, number) {
    const page = await this.#fetch(conn, direction, id);
    for (const m of page.found) this.#known(m, number);
    return page;
  }

  /** #known hands on what the desk has on disk. @param {Frontdesk.Heard} m @param {number} page */
  #known(m, page) {
    if (m.mine && this.#keep.confirm(m.id)) this.#on.confirmed(m.id);
    this.#on.message(m, page);
  }

  /** #fetch fetches one page (XEP-0313, XEP-0059). @param {any} conn @param {'before' | 'after'} direction @param {string} id */
  async #fetch(conn, direction, id) {
    const queryid = conn.getUniqueId('mam');
    /** @type {Frontdesk.Heard[]} */
    const found = [];
    const handler = conn.addHandler((/** @type {Element} */ stanza) => {
      const result = child(stanza, 'result', NS.mam);
      if (!result || result.getAttribute('queryid') !== queryid || bare(stanza.getAttribute('from')) !== this.#config.queue) return true;
      const m = readForwarded(result, this.#config.queue);
      if (m && found.length < 2 * PAGE) found.push(m);
      return true;
    }, NS.mam, 'message');
    const query = $iq({ type: 'set', to: this.#config.queue }).c('query', { xmlns: NS.mam, queryid }).c('set', { xmlns: NS.rsm }).c('max', {}, String(PAGE));
    if (id || direction === 'before') query.c(direction, {}, id);
    const answer = await this.#ask(conn, query);
    conn.deleteHandler(handler);
    const fin = answer && child(answer, 'fin', NS.mam);
    if (!fin) throw new Refused(readError(answer));
    const set = child(fin, 'set', NS.rsm);
    return {
      found, count: found.length,
      complete: fin.getAttribute('complete') === 'true',
      first: (set && child(set, 'first', NS.rsm)?.textContent) || '',
      last: (set && child(set, 'last', NS.rsm)?.textContent) || '',
    };
  }

  /** #ask is the answer, an error too; null if none came in time. @param {any} conn @param {any} iq @param {number} ms @returns {Promise<Element | null>} */
  #ask(conn, iq, ms = ANSWER_MS) {
    return new Promise(done => {
      const take = (/** @type {Element | null} */ s) => {
        if (s) this.#heard++;
        done(s ?? null);
      };
      conn.sendIQ(iq, take, take, ms);
    });
  }

  // ---- stanzas

  /** #send sends, unless the socket has just closed: what must arrive is in the outbox. @param {any} stanza */
  #send(stanza) { if (this.#conn._proto.socket?.readyState === WebSocket.OPEN) this.#conn.send(stanza); }

  /** #transmit sends what waits in the outbox; again is the same in every byte, by which the desk knows it. @param {Out} m */
  #transmit(m) {
    const s = $msg({ to: this.#config.queue, type: 'chat', id: m.id, 'xml:lang': LOCALE });
    if (m.react) {
      s.c('reactions', { xmlns: NS.reactions, id: m.react.id });
      for (const e of m.react.emojis) s.c('reaction', {}, e);
      s.up();
    } else if (m.retract) s.c('retract', { xmlns: NS.retract, id: m.retract }, '');
    else this.#words(s, m);
    s.c('request', { xmlns: NS.receipts }, '');
    if (m.nick) s.c('nick', { xmlns: NS.nick }, m.nick);
    this.#send(s);
  }

  /** @param {any} s @param {Out} m */
  #words(s, m) {
    let body = m.body ?? '';
    if (m.reply) {
      const quote = `${m.reply.quote.replace(/^/gm, '> ')}\n`;
      s.c('reply', { xmlns: NS.reply, to: this.#config.queue, id: m.reply.id }, '');
      s.c('fallback', { xmlns: NS.fallback, for: NS.reply }).c('body', { start: 0, end: [...quote].length }, '').up();
      body = quote + body;
    }
    s.c('body', {}, body).c('active', { xmlns: NS.states }, '').c('markable', { xmlns: NS.markers }, '');
    if (m.url) s.c('x', { xmlns: NS.oob }).c('url', {}, m.url).up();
    if (m.replace) s.c('replace', { xmlns: NS.correct, id: m.replace }, '');
    if (m.chosen) s.c('action-selected', { xmlns: NS.quick, id: m.chosen }, '');
    if (!m.form) return;
    s.c('x', { xmlns: NS.form, type: 'submit' });
    for (const [name, values] of m.form) {
      s.c('field', { var: name });
      for (const v of values) s.c('value', {}, v);
      s.up();
    }
    s.up();
  }

  #expectReceipts() {
    if (!this.#keep.all.outbox.some(m => !m.failed)) return;
    if (this.#timers.has('receipt')) return;
    const conn = this.#conn;
    this.#after('receipt', RECEIPT_MS + Math.random() * RECEIPT_MS, () => this.#sync(conn));
  }

  /** @param {Element} stanza */
  #message(stanza) {
    const queue = this.#config.queue;
    if (bare(stanza.getAttribute('from')) !== queue || child(stanza, 'result', NS.mam)) return;
    if (stanza.getAttribute('type') === 'error') { this.#bounced(stanza); return; }
    const said = child(stanza, 'said', NS.claim); // by the customer, here or on another device
    if (said) {
      const own = readForwarded(said, queue);
      if (own?.mine) this.#inTurn(() => this.#known(own, 0));
      return;
    }
    if (child(stanza, 'released', NS.claim)) { // another connection has claimed the thread
      this.#drop();
      this.#enter('parked');
      return;
    }
    const m = readMessage(stanza, queue);
    if (m.received) {
      this.#failures = 0;
      if (this.#keep.confirm(m.received)) this.#cancel('receipt');
      this.#on.confirmed(m.received);
      this.#expectReceipts();
    }
    if (m.wantsReceipt && m.id) this.#send($msg({ to: queue, type: 'chat' }).c('received', { xmlns: NS.receipts, id: m.id }));
    this.#inTurn(() => this.#on.message(m, 0));
  }

  /** #bounced: what may pass ("wait", or nobody at the other end) is tried again, the rest is the customer's to see. @param {Element} stanza */
  #bounced(stanza) {
    const id = stanza.getAttribute('id') ?? '';
    if (!this.#keep.all.outbox.some(m => m.id === id)) return; // a signal
    const { type, condition } = readError(stanza);
    if (type === 'modify' || ['not-acceptable', 'policy-violation', 'not-allowed'].includes(condition)) {
      this.#keep.change(id, { failed: true });
      this.#on.failed(id);
    } else if (this.ready) {
      const conn = this.#conn;
      this.#enter('unreachable');
      this.#after('retry', this.#pause(), () => this.#sync(conn));
    }
  }

  /** @param {Element} stanza */
  #presence(stanza) {
    if (bare(stanza.getAttribute('from')) !== this.#config.queue) return;
    const type = stanza.getAttribute('type');
    if (type && type !== 'unavailable') return;
    const show = type ? 'xa' : child(stanza, 'show', NS.client)?.textContent?.trim() || 'chat';
    this.#on.presence(show, statusOf(stanza, [LOCALE, ...navigator.languages]).slice(0, 200));
  }

  /** #query answers every request, as RFC 6120 demands: pings and discovery, else that there is nothing. @param {Element} iq */
  #query(iq) {
    const type = iq.getAttribute('type');
    if (type !== 'get' && type !== 'set') return;
    const head = { type: 'result', id: iq.getAttribute('id'), ...(iq.hasAttribute('from') ? { to: iq.getAttribute('from') } : {}) };
    const info = type === 'get' && child(iq, 'query', NS.info);
    if (type === 'get' && child(iq, 'ping', NS.ping)) this.#send($iq(head));
    else if (info) {
      const node = info.getAttribute('node');
      const s = $iq(head).c('query', { xmlns: NS.info, ...(node ? { node } : {}) })
        .c('identity', { category: 'client', type: 'web', name: 'frontdesk' }).up();
      for (const ns of [NS.info, NS.ping, NS.states, NS.receipts, NS.markers, NS.correct, NS.retract, NS.reactions, NS.reply, NS.form, NS.quick, NS.oob]) s.c('feature', { var: ns }).up();
      this.#send(s);
    } else {
      this.#send($iq({ ...head, type: 'error' }).c('error', { type: 'cancel' }).c('service-unavailable', { xmlns: NS.stanzas }));
    }
  }
}

// Refused is what the desk or its server would not do now.
class Refused extends Error {
  /** @param {{ type: string, condition: string }} refusal */
  constructor({ type, condition }) { super(`${type}: ${condition}`); }
}
