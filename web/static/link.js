// The way to the desk: one WebSocket after another, the claim of the thread, its
// archive, and the outbox. Says what comes by callbacks; shows nothing.
//
// SASL ANONYMOUS gives a new address on every connection. XEP-0198 is not asked
// for: such a session can't be resumed. What is lost with a connection comes
// back from the archive and from the outbox.

import { NS, bare, child, readError, readMessage, statusOf } from './read.js';

const { Strophe, $iq, $msg, $pres } = globalThis;

const LOGIN_MS = 20_000; // from dialling to the session
const ANSWER_MS = 15_000; // for an answer to a query
const RECEIPT_MS = 15_000; // for the receipt of a message, then all is synchronised again
const QUIET_MS = 45_000; // without a stanza, then we ask whether anybody is there
const RETRY_MS = [1_000, 30_000]; // first and longest wait before the next attempt
const STEADY_MS = 10_000; // a session that lasted so long was no failure
const PAGE = 50; // messages of the archive at a time
const PAGES_MAX = 40; // that one synchronisation fetches

export class Link {
  #config; #keep; #on;
  #conn = null; // the connection in use; a callback of any other is stale
  #phase = 'idle'; // idle, login, sync, ready, unreachable, waiting, parked
  #failures = 0;
  #readySince = 0;
  #timers = new Map();
  #heard = 0;
  #archived = ''; // archive id of the newest message fetched
  #earliest = ''; // and of the oldest
  #earlierPages = 0;
  #id = crypto.getRandomValues(new Uint32Array(2)).join('-'); // of this tab

  // on: phase(name), presence(show, text), message(m, page), forget(), earlier(bool), busy(bool),
  // confirmed(id), failed(id)
  constructor(config, keep, on) {
    this.#config = config;
    this.#keep = keep;
    this.#on = on;
    Strophe.setLogLevel(Strophe.LogLevel.FATAL);
    keep.onOther(() => this.#otherTab());
    addEventListener('online', () => this.#wake());
    addEventListener('offline', () => this.#probe());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.#wake(); });
  }

  get ready() { return this.#phase === 'ready'; }

  // connect opens a connection, unless one is open or opening. This tab takes the thread from others.
  connect() {
    if (!['idle', 'waiting', 'parked'].includes(this.#phase)) return;
    this.#keep.set({ tab: this.#id });
    this.#enter('login');
    const url = new URL('xmpp-websocket', location.href);
    url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const conn = new Strophe.Connection(url.href);
    this.#conn = conn;
    this.#after('login', LOGIN_MS, () => this.#lost(conn));
    conn.connect(this.#config.host, null, status => {
      const S = Strophe.Status;
      if (conn !== this.#conn) return;
      if (status === S.CONNECTED) this.#bound(conn);
      else if ([S.CONNFAIL, S.AUTHFAIL, S.DISCONNECTED, S.ERROR, S.CONNTIMEOUT].includes(status)) this.#lost(conn);
    });
    // Strophe says nothing of a socket that is closed in order before the login is through.
    conn._proto.socket?.addEventListener('close', () => this.#lost(conn));
  }

  // post sends a message of the outbox now, if it can.
  post(message) {
    if (!this.ready) return;
    this.#transmit(message);
    this.#expectReceipts();
  }

  // signal sends a chat state; it may be lost.
  signal(state) {
    if (this.ready) this.#send($msg({ to: this.#config.queue, type: 'chat' }).c(state, { xmlns: NS.states }));
  }

  // displayed tells that the customer has seen a message; false if it could not be told.
  displayed(id) {
    if (!this.ready) return false;
    this.#send($msg({ to: this.#config.queue, type: 'chat' }).c('displayed', { xmlns: NS.markers, id }));
    return true;
  }

  // earlier fetches the page before the oldest message that is here.
  async earlier() {
    if (!this.ready || !this.#earliest) return;
    const conn = this.#conn;
    try {
      const page = await this.#page(conn, 'before', this.#earliest, ++this.#earlierPages);
      this.#earliest = page.first || this.#earliest;
      this.#on.earlier(!page.complete && page.count > 0);
    } catch { /* the button is still there */ }
  }

  // ---- states

  #enter(phase) {
    this.#phase = phase;
    this.#on.phase(phase);
  }

  #after(name, ms, call) {
    this.#cancel(name);
    this.#timers.set(name, setTimeout(() => { this.#timers.delete(name); call(); }, ms));
  }

  #cancel(name) {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }

  #drop() {
    const conn = this.#conn;
    this.#conn = null;
    for (const name of [...this.#timers.keys()]) this.#cancel(name);
    if (!conn) return;
    conn.reset(); // no handler of it runs any more
    conn._proto._closeSocket?.();
  }

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

  #wake() {
    if (this.#phase === 'waiting') {
      this.#failures = 0;
      this.connect();
    } else this.#probe();
  }

  // #probe asks the server for a sign of life. Any answer is one, a refusal too.
  async #probe() {
    const conn = this.#conn;
    if (!this.ready) return;
    const asked = this.#heard;
    const answer = await this.#ask(conn, $iq({ type: 'get', to: this.#config.host }).c('ping', { xmlns: NS.ping }));
    if (answer === null && asked === this.#heard) this.#lost(conn);
  }

  #otherTab() {
    const { tab } = this.#keep.all;
    if (this.#phase === 'parked' || !this.#conn || tab === this.#id) return;
    this.#enter('parked');
    this.#drop();
  }

  #listen() {
    this.#heard++;
    this.#after('quiet', QUIET_MS, () => { this.#listen(); this.#probe(); });
  }

  // ---- the session

  #bound(conn) {
    this.#cancel('login');
    const hear = handler => stanza => { this.#listen(); handler(stanza); return true; };
    conn.addHandler(hear(s => this.#message(s)), null, 'message');
    conn.addHandler(hear(s => this.#presence(s)), null, 'presence');
    conn.addHandler(hear(s => this.#query(s)), null, 'iq');
    this.#listen();
    conn.send($pres());
    this.#sync(conn);
  }

  // #sync claims the thread, asks for presence, fetches what was missed, and sends what waits, in this order:
  // what the archive has of the outbox is not sent again.
  async #sync(conn) {
    if (conn !== this.#conn) return;
    this.#enter('sync');
    this.#cancel('receipt');
    this.#on.busy(true);
    try {
      await this.#claim(conn);
      conn.send($pres({ to: this.#config.queue }));
      await this.#history(conn);
      if (conn !== this.#conn) return;
      this.#readySince = Date.now();
      this.#enter('ready');
      for (const m of this.#keep.all.outbox) if (!m.failed) this.#transmit(m);
      this.#expectReceipts();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (conn !== this.#conn) return;
      this.#enter('unreachable');
      this.#after('retry', this.#pause(), () => this.#sync(conn));
    } finally {
      if (conn === this.#conn || !this.#conn) this.#on.busy(false);
    }
  }

  async #claim(conn) {
    const { key } = this.#keep.all;
    const answer = await this.#ask(conn, $iq({ type: 'set', to: this.#config.queue }).c('claim', { xmlns: NS.claim, ...(key ? { key } : {}) }));
    if (answer?.getAttribute('type') === 'result') {
      this.#keep.set({ key: child(answer, 'claim', NS.claim)?.getAttribute('key') || key });
      return;
    }
    const refusal = readError(answer);
    if (!key || refusal.condition !== 'item-not-found') throw new Refused(refusal);
    this.#keep.forget(); // the desk does not know this thread any more
    this.#archived = this.#earliest = '';
    this.#on.earlier(false);
    this.#on.forget();
    await this.#claim(conn);
  }

  async #history(conn) {
    if (!this.#archived) {
      const page = await this.#page(conn, 'before', '', 0);
      this.#archived = page.last;
      this.#earliest = page.first;
      this.#on.earlier(!page.complete && page.count > 0);
      return;
    }
    for (let i = 0; i < PAGES_MAX; i++) {
      const page = await this.#page(conn, 'after', this.#archived, 0);
      this.#archived = page.last || this.#archived;
      if (page.complete || !page.count) return;
    }
  }

  // #page fetches one page (XEP-0313, XEP-0059) and hands its messages on in order.
  async #page(conn, direction, id, number) {
    const queryid = conn.getUniqueId('mam');
    const found = [];
    const handler = conn.addHandler(stanza => {
      const result = child(stanza, 'result', NS.mam);
      if (result?.getAttribute('queryid') !== queryid || bare(stanza.getAttribute('from')) !== this.#config.queue) return true;
      const forwarded = child(result, 'forwarded', NS.forward);
      const inner = forwarded && child(forwarded, 'message', NS.client);
      if (!inner || found.length >= 2 * PAGE) return true;
      const stamp = Date.parse(child(forwarded, 'delay', NS.delay)?.getAttribute('stamp') || '');
      found.push({ ...readMessage(inner, this.#config.queue), ...(stamp ? { at: stamp } : {}) });
      return true;
    }, NS.mam, 'message');
    const answer = await this.#ask(conn, $iq({ type: 'set', to: this.#config.queue }).c('query', { xmlns: NS.mam, queryid })
      .c('set', { xmlns: NS.rsm }).c('max').t(String(PAGE)).up().c(direction).t(id));
    conn.deleteHandler(handler);
    const fin = answer && child(answer, 'fin', NS.mam);
    if (!fin) throw new Refused(readError(answer));
    for (const m of found) {
      if (m.mine && this.#keep.confirm(m.id)) this.#on.confirmed(m.id);
      this.#on.message(m, number);
    }
    const set = child(fin, 'set', NS.rsm);
    return {
      count: found.length,
      complete: fin.getAttribute('complete') === 'true',
      first: (set && child(set, 'first', NS.rsm)?.textContent) || '',
      last: (set && child(set, 'last', NS.rsm)?.textContent) || '',
    };
  }

  #ask(conn, iq) {
    return new Promise(done => {
      conn.sendIQ(iq, s => { this.#heard++; done(s); }, s => { if (s) this.#heard++; done(s ?? null); }, ANSWER_MS);
    });
  }

  // ---- stanzas

  #send(stanza) { this.#conn.send(stanza); }

  // #transmit sends an outbox message; again is the same in every byte, by which the desk knows it.
  #transmit({ id, body, nick }) {
    const s = $msg({ to: this.#config.queue, type: 'chat', id, 'xml:lang': navigator.language }).c('body').t(body).up()
      .c('active', { xmlns: NS.states }).up()
      .c('request', { xmlns: NS.receipts }).up()
      .c('markable', { xmlns: NS.markers }).up();
    if (nick) s.c('nick', { xmlns: NS.nick }).t(nick).up();
    this.#send(s);
  }

  #expectReceipts() {
    if (!this.#keep.all.outbox.some(m => !m.failed)) return;
    if (this.#timers.has('receipt')) return;
    const conn = this.#conn;
    this.#after('receipt', RECEIPT_MS + Math.random() * RECEIPT_MS, () => this.#sync(conn));
  }

  #message(stanza) {
    const queue = this.#config.queue;
    if (bare(stanza.getAttribute('from')) !== queue || child(stanza, 'result', NS.mam)) return;
    if (stanza.getAttribute('type') === 'error') { this.#bounced(stanza); return; }
    const m = readMessage(stanza, queue);
    if (m.received) {
      this.#failures = 0;
      if (this.#keep.confirm(m.received)) this.#cancel('receipt');
      this.#on.confirmed(m.received);
      this.#expectReceipts();
    }
    if (m.wantsReceipt && m.id) this.#send($msg({ to: queue, type: 'chat' }).c('received', { xmlns: NS.receipts, id: m.id }));
    this.#on.message(m, 0);
  }

  // #bounced: what may pass ("wait", or nobody at the other end) is tried again, the rest is the customer's to see.
  #bounced(stanza) {
    const id = stanza.getAttribute('id');
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

  #presence(stanza) {
    if (bare(stanza.getAttribute('from')) !== this.#config.queue) return;
    const type = stanza.getAttribute('type');
    if (type && type !== 'unavailable') return;
    const show = type ? 'xa' : child(stanza, 'show', NS.client)?.textContent.trim() || 'chat';
    this.#on.presence(show, statusOf(stanza, navigator.languages).slice(0, 200));
  }

  // #query answers every request, as RFC 6120 demands: pings and discovery, else that there is nothing.
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
      for (const ns of [NS.info, NS.ping, NS.states, NS.receipts, NS.markers, NS.correct, NS.retract, NS.reactions, NS.reply]) s.c('feature', { var: ns }).up();
      this.#send(s);
    } else {
      this.#send($iq({ ...head, type: 'error' }).c('error', { type: 'cancel' }).c('service-unavailable', { xmlns: NS.stanzas }));
    }
  }
}

// Refused is what the desk or its server would not do now.
class Refused extends Error {
  constructor({ type, condition }) { super(`${type}: ${condition}`); }
}
