// One connection for all tabs of a customer: the tab that has it leads, the others
// follow. They hear the same events, and have the leader do what needs the wire.
// Who leads: the first; when it goes, who comes first; of two, the one whose id is less.

import { uuid } from './dom.js';

const LEADER_MS = 200; // for a leader to answer a new tab
const DEAD_MS = 3_000; // for a leader to do something, then it is gone
const LOOK_MS = 5_000; // between looks of a visible tab at its leader
const SLEPT_MS = 15_000; // between two such looks, then the computer slept and timers with it
const RIVAL_MS = 10_000; // after two tabs led at once, in which one may have taken the thread from the other
const LOG_MAX = 12_000; // events that a new tab can be told

/** lasts says whether a message is more than typing. @param {Frontdesk.Heard} m */
const lasts = m => m.body !== null || Boolean(m.retracts || m.reactsTo || m.delivered || m.displayed);

export class Tabs {
  #on; #make; #send;
  #id = uuid();
  #leader = '';
  /** @type {import('./link.js').Link | null} */
  #link = null;
  /** @type {[string, any[]][]} */
  #log = []; // what was said, for a tab that comes later
  /** @type {Record<string, any[]>} */
  #now = {}; // what holds at the moment
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #calls = new Map();
  #rival = -Infinity; // when another tab led, too, or may have
  #count = 0;

  /**
   * @param {{ post(word: any): void, onword: (word: any) => void } | null} channel to the other tabs
   * @param {Frontdesk.Events} on
   * @param {(on: Frontdesk.Events, place?: Frontdesk.Place) => import('./link.js').Link} make
   */
  constructor(channel, on, make) {
    this.#on = on;
    this.#make = make;
    this.#send = channel && ((/** @type {object} */ word) => channel.post({ from: this.#id, ...word }));
    if (channel) channel.onword = word => { if (word.from !== this.#id && (!word.to || word.to === this.#id)) this.#hear(word); };
    addEventListener('pagehide', () => this.#leave());
    addEventListener('pageshow', e => { if (e.persisted) this.connect(); });
    document.addEventListener('visibilitychange', () => this.#look('wake'));
    addEventListener('online', () => { if (!this.#link) this.#look('wake'); });
    let at = Date.now();
    setInterval(() => {
      const last = at;
      at = Date.now();
      this.#look(at - last > SLEPT_MS ? 'wake' : 'alive');
    }, LOOK_MS);
  }

  get ready() { return this.#now.phase?.[0] === 'ready'; }

  /** connect sees to it that some tab has a connection. */
  connect() {
    if (this.#link) this.#link.connect();
    else if (this.#leader) this.hint('connect');
    else if (!this.#send) this.#lead();
    else {
      this.#send({ who: 1 });
      this.#soon(LEADER_MS);
    }
  }

  /** own tells the other tabs what the customer has said in this one, and sends it. @param {Frontdesk.Out} m */
  own(m) {
    this.#deliver('own', [m]);
    this.#send?.({ event: 'own', args: [m] });
    this.hint('post', m); // it waits in the outbox
  }

  /** hint is call for what may be lost. @param {Parameters<Tabs['call']>} args */
  hint(...args) { return this.call(...args).catch(() => { /* lost */ }); }

  /**
   * call has the leader's link do something.
   * @param {'connect' | 'wake' | 'alive' | 'post' | 'signal' | 'displayed' | 'earlier' | 'slot' | 'whole' | 'again' | 'release'} method @param {...any} args
   * @returns {Promise<any>}
   */
  call(method, ...args) {
    if (this.#link) return Promise.resolve(/** @type {any} */ (this.#link)[method](...args));
    if (!this.#leader) return Promise.reject(new Error('no tab leads'));
    const call = ++this.#count;
    return new Promise((done, failed) => {
      const dead = () => { // the leader is gone without a word
        this.#calls.delete(call);
        if (!this.#link) this.#lead();
        failed(new Error('no tab leads'));
      };
      this.#calls.set(call, { done, failed, dead, timer: setTimeout(dead, DEAD_MS) });
      this.#send?.({ to: this.#leader, call, method, args });
    });
  }

  #soon(ms = 0) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { if (!this.#leader) this.#lead(); }, ms);
  }

  #lead() {
    this.#leader = '';
    this.#rival = Date.now();
    this.#link = this.#make(/** @type {any} */ (new Proxy({}, {
      get: (_, event) => (/** @type {any[]} */ ...args) => {
        this.#deliver(/** @type {string} */ (event), args);
        this.#send?.({ event, args });
        if (event === 'phase') this.#retake();
      },
    })), this.#now.place?.[0]);
    this.#send?.({ lead: 1 });
    this.#link.connect();
  }

  /** @param {string} leader */
  #follow(leader) {
    clearTimeout(this.#timer);
    this.#leader = leader;
    this.#link?.stop();
    this.#link = null;
  }

  // #retake connects anew where the thread is with another tab, which does not lead any more.
  #retake() {
    if (this.#now.phase?.[0] === 'parked' && Date.now() - this.#rival < RIVAL_MS) this.#link?.connect();
  }

  #leave() {
    if (!this.#link) return;
    this.#link.stop();
    this.#link = null;
    this.#send?.({ bye: 1 });
  }

  /** #look has the leader show that it is there: if it is not, we lead. @param {'wake' | 'alive'} method */
  #look(method) { if (!document.hidden) this.hint(method); }

  /** @param {any} word */
  #hear(word) {
    const { from } = word;
    if (word.lead) {
      if (this.#link) this.#rival = Date.now();
      if (this.#link && this.#id < from) {
        this.#send?.({ lead: 1 });
        this.#retake();
      } else {
        const led = this.#link;
        this.#follow(from);
        if (led) this.#send?.({ to: from, who: 1, led: 1 }); // it was there and only slow: it knows more
      }
    } else if (word.who) {
      if (!this.#link) return;
      this.#send?.({ to: from, all: [this.#now, this.#log] });
      if (!word.led) return;
      this.#rival = Date.now();
      this.#retake();
      this.#link.flush(); // what it could not send any more
    } else if (word.all) {
      if (!this.#link) this.#learn(from, word.all);
    } else if (word.bye) {
      if (from !== this.#leader) return;
      this.#leader = '';
      this.#soon((document.hidden ? 200 : 0) + Math.random() * 100);
    } else if (word.event) {
      if (from === this.#leader || word.event === 'own') this.#deliver(word.event, word.args);
    } else if (word.method) this.#serve(from, word);
    else if (this.#calls.has(word.done)) this.#settle(word);
  }

  /** @param {string} leader @param {[Record<string, any[]>, [string, any[]][]]} all */
  #learn(leader, [now, log]) {
    this.#follow(leader);
    this.#log = [];
    this.#on.busy(true);
    for (const [event, args] of log) this.#deliver(event, args);
    for (const event of ['place', 'earlier', 'presence', 'phase']) if (now[event]) this.#deliver(event, now[event]);
    this.#on.busy(false);
  }

  /** @param {string} from @param {any} word */
  async #serve(from, { call, method, args }) {
    if (!this.#link) return;
    const long = setInterval(() => this.#send?.({ to: from, done: call, still: 1 }), DEAD_MS / 2);
    try {
      const value = await this.call(method, ...args);
      this.#send?.({ to: from, done: call, value });
    } catch (error) {
      this.#send?.({ to: from, done: call, error: String(/** @type {Error} */ (error).message) });
    }
    clearInterval(long);
  }

  /** @param {any} word */
  #settle({ done: call, value, error, still }) {
    const waiting = this.#calls.get(call);
    clearTimeout(waiting.timer);
    if (still) {
      waiting.timer = setTimeout(waiting.dead, DEAD_MS);
      return;
    }
    this.#calls.delete(call);
    if (error) waiting.failed(new Error(error));
    else waiting.done(value);
  }

  /** @param {string} event @param {any[]} args */
  #deliver(event, args) {
    if (event === 'forget') this.#log = [];
    else if (['own', 'confirmed', 'failed'].includes(event) || (event === 'message' && lasts(args[0]))) {
      this.#log.push([event, args]);
      if (this.#log.length > LOG_MAX) this.#log.shift();
    } else if (event !== 'message') this.#now[event] = args;
    /** @type {any} */ (this.#on)[event]?.(...args);
  }
}
