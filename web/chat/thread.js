// The thread as the customer sees it: what was said, in order, each message once.
// Changed only by its methods; knows neither the wire nor the page.

const MESSAGES_MAX = 12_000; // kept in the page; the oldest go, the archive has them
const EARLIER = 1e9; // puts a page of earlier messages before what has the same time
const LOOSE_MAX = 200; // reactions and retractions whose message is not here yet

/** @typedef {Frontdesk.Message} Message @typedef {Frontdesk.Heard} Heard */

// A state of the customer's own message: failed, waiting, sent (the desk has it on disk), delivered (an agent's client has it), read.
const RANK = ['failed', 'waiting', 'sent', 'delivered', 'read'];

export class Thread {
  /** @type {Map<string, Message>} */
  #byKey = new Map(); // the order is that of arrival
  /** @type {Map<string, string>} */
  #alias = new Map(); // id of a correction → id that it corrects
  /** @type {Map<string, Partial<Message>>} */
  #loose = new Map(); // key → what was said about it before it came
  #next = 0;
  #latest = 0; // time of the newest that the desk has
  #changed;

  /** changed is called after every change. @param {(m: Message, what: Frontdesk.What) => void} changed */
  constructor(changed) { this.#changed = changed; }

  get messages() { return [...this.#byKey.values()].sort((a, b) => a.at - b.at || a.order - b.order); }

  /** lastOwn is the newest message of the customer's that he can still change. */
  get lastOwn() { return this.messages.findLast(m => m.mine && !m.retracted && m.state !== 'failed' && !m.url); }

  clear() { this.#byKey.clear(); this.#alias.clear(); this.#loose.clear(); this.#latest = 0; }

  /** @param {boolean} mine @param {string} id */
  get = (mine, id) => this.#byKey.get(this.#key(mine, id));

  /** own does what the customer says, as if the desk had it; the outbox sees to it that it gets it. @param {Frontdesk.Out} m */
  own({ id, body = '', at, failed, url = '', reply, replace, retract, react }) {
    if (retract) this.#change(true, retract, { retracted: true });
    else if (react) this.#react({ mine: true, reactsTo: react.id, reactions: react.emojis }, 0);
    else if (replace) {
      const known = this.get(true, replace);
      this.#alias.set(id, this.#alias.get(replace) ?? replace);
      if (known) this.#set(known, { body, edited: true });
    } else if (!this.get(true, id)) this.#add({ id, mine: true, at: Math.max(at, this.#latest), body, url, quote: reply?.quote ?? '', state: failed ? 'failed' : 'waiting' });
    else if (!failed) this.#retry(id);
  }

  /**
   * take applies one message of readMessage's. page is 0 for what is later than all
   * before it, else the number of the page of earlier messages that it came with:
   * what such a page says of a message that a later one changed is out of date.
   * It returns the message that is new to the customer, if any.
   * @param {Heard} m
   */
  take(m, page = 0) {
    if (m.retracts) return this.#change(m.mine, m.retracts, { retracted: true });
    if (m.reactsTo) return this.#react(m, page);
    if (m.body === null && !m.form || !(m.id || m.replaces)) return null;
    if (m.replaces) return this.#correct(m, page);
    const known = this.get(m.mine, m.id);
    if (known) { // again, or the first we heard of it was a correction
      if (page && known.edited) this.#set(known, { at: m.at });
      if (m.mine) this.mark(m.id, 'sent');
      return null;
    }
    return this.#add(this.#fresh(m, m.id, page));
  }

  /** mark moves one of the customer's own messages on, never back. @param {string} id @param {Frontdesk.State} state */
  mark(id, state) {
    const m = this.get(true, id);
    if (!m || RANK.indexOf(state) <= RANK.indexOf(m.state ?? 'read')) return;
    if (m.state === 'waiting') this.#latest = Math.max(this.#latest, m.at);
    this.#set(m, { state });
  }

  /** @param {string} id */
  fail(id) {
    const m = this.get(true, id);
    if (m?.state === 'waiting') this.#set(m, { state: 'failed' });
  }

  /** @param {string} id */
  #retry(id) {
    const m = this.get(true, id);
    if (m?.state === 'failed') this.#set(m, { state: 'waiting' });
  }

  /** readUpTo marks a message of the customer's and all before it as read (XEP-0333). @param {string} id */
  readUpTo(id) {
    const last = this.get(true, id);
    if (!last) return;
    for (const m of this.#byKey.values()) if (m.mine && m.at <= last.at && (m.state === 'sent' || m.state === 'delivered')) this.#set(m, { state: 'read' });
  }

  /** @param {boolean} mine @param {string} id */
  #key = (mine, id) => `${mine ? 'me' : 'desk'} ${this.#alias.get(id) ?? id}`;

  /** @param {Heard} m @param {string} id @param {number} page @returns {Partial<Message> & { id: string, mine: boolean, at: number }} */
  #fresh(m, id, page) {
    let at = m.at || Date.now();
    if (!page) at = this.#latest = Math.max(at, this.#latest); // a clock that is wrong must not put what is new above what is old
    return {
      id, at, page, mine: m.mine, body: m.body ?? '', nick: m.nick, face: m.face, url: m.url, form: m.form, choices: m.choices,
      quote: m.reply ? this.#quoted(m) : '', ...(m.mine ? { state: 'sent' } : {}),
    };
  }

  /** @param {Partial<Message> & { id: string, mine: boolean, at: number }} m */
  #add(m) {
    const key = this.#key(m.mine, m.id);
    /** @type {Message} */
    const fresh = {
      reactions: [], own: [], nick: '', face: '', url: '', quote: '', body: '', edited: false, retracted: false, page: 0, form: null, choices: [],
      ...m, key, order: this.#next++ - (m.page ?? 0) * EARLIER, ...this.#loose.get(key),
    };
    this.#loose.delete(key);
    this.#byKey.set(key, fresh);
    this.#changed(fresh, 'new');
    if (this.#byKey.size > MESSAGES_MAX) {
      const [oldest] = this.messages;
      this.#byKey.delete(oldest.key);
      this.#changed(oldest, 'gone');
    }
    return fresh;
  }

  /** @param {Message} m @param {Partial<Message>} fields */
  #set(m, fields) {
    Object.assign(m, fields);
    this.#changed(m, 'changed');
  }

  /** #change alters a message that may not be here yet. @param {boolean} mine @param {string} id @param {Partial<Message>} fields */
  #change(mine, id, fields) {
    const m = this.get(mine, id);
    if (m) this.#set(m, fields);
    else if (this.#loose.size < LOOSE_MAX) {
      const key = this.#key(mine, id);
      this.#loose.set(key, { ...this.#loose.get(key), ...fields });
    }
    return null;
  }

  /**
   * Either side may react to either's messages; a reaction replaces the one before.
   * @param {Pick<Heard, 'mine' | 'reactsTo' | 'reactions'>} m @param {number} page
   */
  #react(m, page) {
    const to = this.get(!m.mine, m.reactsTo) ? !m.mine : this.get(m.mine, m.reactsTo) ? m.mine : !m.mine;
    const known = this.get(to, m.reactsTo) ?? this.#loose.get(this.#key(to, m.reactsTo));
    const before = m.mine ? known?.ownPage : known?.reactionsPage;
    if (page && before !== undefined && before !== page) return null;
    return this.#change(to, m.reactsTo, m.mine ? { own: m.reactions, ownPage: page } : { reactions: m.reactions, reactionsPage: page });
  }

  /** @param {Heard} m @param {number} page */
  #correct(m, page) {
    const known = this.get(m.mine, m.replaces);
    if (m.id && this.#alias.size < MESSAGES_MAX) this.#alias.set(m.id, this.#alias.get(m.replaces) ?? m.replaces);
    if (!known) return this.#add({ ...this.#fresh(m, m.replaces, page), edited: true });
    if (page && known.page !== page) return null;
    if (!known.edited || known.body !== m.body) this.#set(known, { body: m.body ?? '', url: m.url, edited: true });
    return null;
  }

  /** @param {Heard} m */
  #quoted(m) {
    const target = this.get(true, m.reply) ?? this.get(false, m.reply);
    return (target?.body || m.quote || '').slice(0, 280);
  }
}
