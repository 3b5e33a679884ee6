// What outlives a reload: the thread's key, the customer's name and the outbox. One
// entry for each queue: in localStorage; where a browser denies that to a frame, with
// the host page; else in memory. The key is in no address and no log.

const OUTBOX_MAX = 100; // messages that wait for their receipt

/** @type {Frontdesk.Kept} */
const EMPTY = { key: '', name: '', started: false, sound: false, notices: false, read: '', readAt: 0, outbox: [] };

export class Keep {
  #name; #host;
  /** @type {'own' | 'host' | 'memory'} */
  where;
  #copy = '{}'; // the memory that stands in for storage

  /** @param {string} name @param {import('./host.js').Host} host */
  constructor(name, host) {
    this.#name = name;
    this.#host = host;
    try {
      localStorage.setItem('frontdesk', '1');
      this.where = 'own';
    } catch {
      this.where = host.framed ? 'host' : 'memory';
    }
  }

  // Always read anew: another tab may have written.
  /** @returns {Frontdesk.Kept} */
  get all() {
    let text = null;
    if (this.where === 'host') text = this.#host.kept;
    try { if (this.where === 'own') text = localStorage.getItem(this.#name); } catch { /* denied meanwhile */ }
    try { return { ...EMPTY, ...JSON.parse(text || this.#copy) }; } catch { return { ...EMPTY }; }
  }

  /** @param {Partial<Frontdesk.Kept>} change */
  set(change) {
    this.#copy = JSON.stringify({ ...this.all, ...change });
    if (this.where === 'host') this.#host.keep(change, this.#copy);
    try { if (this.where === 'own') localStorage.setItem(this.#name, this.#copy); } catch { /* full: memory has it */ }
  }

  /** queue adds a message, unless it is there; false if too many wait already. @param {Frontdesk.Out} message */
  queue(message) {
    const { outbox } = this.all;
    if (outbox.some(m => m.id === message.id)) return true;
    if (outbox.length >= OUTBOX_MAX) return false;
    this.set({ outbox: [...outbox, message] });
    return true;
  }

  /** change replaces fields of a waiting message. @param {string} id @param {Partial<Frontdesk.Out>} fields */
  change(id, fields) {
    this.set({ outbox: this.all.outbox.map(m => (m.id === id ? { ...m, ...fields } : m)) });
  }

  /** confirm takes out a message that is safe with the desk; false if none of that id waits. @param {string} id */
  confirm(id) {
    const { outbox } = this.all;
    const rest = outbox.filter(m => m.id !== id);
    if (rest.length === outbox.length) return false;
    this.set({ outbox: rest });
    return true;
  }

  /** forget the thread and whose it was; what was never confirmed stays and opens the next one. */
  forget() { this.set({ key: '', name: '', started: false, read: '', readAt: 0 }); }

  /** onOther calls back when another tab has written. @param {() => void} call */
  onOther(call) {
    addEventListener('storage', e => { if (e.key === this.#name) call(); });
    this.#host.on.kept = call;
  }
}
