// The thread as the customer sees it: what was said, in order, each message once.
// Changed only by its methods; knows neither the wire nor the page.

const MESSAGES_MAX = 2000; // kept in the page; the oldest go, the archive has them
const EARLIER = 1e9; // puts a page of earlier messages before what has the same time
const LOOSE_MAX = 200; // reactions and retractions whose message is not here yet

// A message: { id, mine, at, body, nick, url, quote, state, edited, retracted, reactions, choices }.
// state, of the customer's own: waiting, failed, sent, read.
export class Thread {
  #byKey = new Map(); // the order is that of arrival
  #alias = new Map(); // id of a correction → id that it corrects
  #loose = new Map(); // key → what was said about it before it came
  #next = 0;
  #changed;

  // changed(message, what) is called after every change: 'new', 'changed' or 'gone'.
  constructor(changed) { this.#changed = changed; }

  get messages() { return [...this.#byKey.values()].sort((a, b) => a.at - b.at || a.order - b.order); }

  clear() { this.#byKey.clear(); this.#alias.clear(); this.#loose.clear(); }

  // own adds what the customer writes.
  own({ id, body, at, failed }) {
    if (!this.#get(true, id)) this.#add({ id, mine: true, at, body, state: failed ? 'failed' : 'waiting' });
  }

  // take applies one message of readMessage's. page is 0 for what is later than all
  // before it, else the number of the page of earlier messages that it came with:
  // what such a page says of a message that a later one changed is out of date.
  // It returns the message that is new to the customer, if any.
  take(m, page = 0) {
    if (m.retracts) return this.#change(m.mine, m.retracts, { retracted: true });
    if (m.reactsTo) return this.#react(m, page);
    if (m.body === null || !(m.id || m.replaces)) return null;
    if (m.replaces) return this.#correct(m, page);
    const known = this.#get(m.mine, m.id);
    if (known) { // again, or the first we heard of it was a correction
      if (page && known.edited) this.#set(known, { at: m.at });
      if (m.mine) this.mark(m.id, 'sent');
      return null;
    }
    return this.#add(this.#fresh(m, m.id, page));
  }

  // mark moves one of the customer's own messages on, never back.
  mark(id, state) {
    const rank = ['failed', 'waiting', 'sent', 'read'];
    const m = this.#get(true, id);
    if (!m || rank.indexOf(state) <= rank.indexOf(m.state)) return;
    this.#set(m, { state });
  }

  fail(id) {
    const m = this.#get(true, id);
    if (m?.state === 'waiting') this.#set(m, { state: 'failed' });
  }

  retry(id) {
    const m = this.#get(true, id);
    if (m?.state === 'failed') this.#set(m, { state: 'waiting' });
  }

  // readUpTo marks a message of the customer's and all before it as read (XEP-0333).
  readUpTo(id) {
    const last = this.#get(true, id);
    if (!last) return;
    for (const m of this.#byKey.values()) if (m.mine && m.at <= last.at && m.state === 'sent') this.#set(m, { state: 'read' });
  }

  #key = (mine, id) => `${mine ? 'me' : 'desk'} ${this.#alias.get(id) ?? id}`;
  #get = (mine, id) => this.#byKey.get(this.#key(mine, id));

  #fresh(m, id, page) {
    let at = m.at || Date.now();
    if (!page) { // a clock that is wrong must not put what is new above what is old
      for (const o of this.#byKey.values()) if (o.state !== 'waiting' && o.state !== 'failed') at = Math.max(at, o.at);
    }
    return {
      id, at, page, mine: m.mine, body: m.body, nick: m.nick, url: m.url, choices: m.mine ? [] : m.choices,
      quote: m.reply ? this.#quoted(m) : '', ...(m.mine ? { state: 'sent' } : {}),
    };
  }

  #add(m) {
    const key = this.#key(m.mine, m.id);
    const fresh = {
      reactions: [], choices: [], nick: '', url: '', quote: '', edited: false, retracted: false, page: 0,
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

  #set(m, fields) {
    Object.assign(m, fields);
    this.#changed(m, 'changed');
  }

  // #change alters a message that may not be here yet.
  #change(mine, id, fields) {
    const m = this.#get(mine, id);
    if (m) this.#set(m, fields);
    else if (this.#loose.size < LOOSE_MAX) {
      const key = this.#key(mine, id);
      this.#loose.set(key, { ...this.#loose.get(key), ...fields });
    }
    return null;
  }

  // The desk may react to either side's messages; a reaction replaces the one before.
  #react(m, page) {
    const mine = this.#get(!m.mine, m.reactsTo) ? !m.mine : this.#get(m.mine, m.reactsTo) ? m.mine : !m.mine;
    const before = this.#get(mine, m.reactsTo)?.reactionPage ?? this.#loose.get(this.#key(mine, m.reactsTo))?.reactionPage;
    if (page && before !== undefined && before !== page) return null;
    return this.#change(mine, m.reactsTo, { reactions: m.reactions, reactionPage: page });
  }

  #correct(m, page) {
    const known = this.#get(m.mine, m.replaces);
    if (m.id && this.#alias.size < MESSAGES_MAX) this.#alias.set(m.id, this.#alias.get(m.replaces) ?? m.replaces);
    if (!known) return this.#add({ ...this.#fresh(m, m.replaces, page), edited: true });
    if (page && known.page !== page) return null;
    if (!known.edited || known.body !== m.body) this.#set(known, { body: m.body, url: m.url, edited: true });
    return null;
  }

  #quoted(m) {
    const target = this.#get(true, m.reply) ?? this.#get(false, m.reply);
    return (target?.body ?? m.quote ?? '').slice(0, 280);
  }
}
