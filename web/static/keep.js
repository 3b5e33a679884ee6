// What outlives a reload: the thread's key, the customer's name and the outbox.
// In localStorage, one entry for each queue; in memory where a browser denies it.

const OUTBOX_MAX = 100; // messages that wait for their receipt

const EMPTY = { key: '', name: '', started: false, read: '', tab: '', outbox: [] };

export class Keep {
  #name;
  #copy; // the memory that stands in for storage

  constructor(queue) {
    this.#name = `frontdesk:${queue}`;
    this.#copy = JSON.stringify(EMPTY);
  }

  // Always read anew: another tab may have written.
  get all() {
    let text = null;
    try { text = localStorage.getItem(this.#name); } catch { /* denied */ }
    try { return { ...EMPTY, ...JSON.parse(text ?? this.#copy) }; } catch { return { ...EMPTY }; }
  }

  set(change) {
    this.#copy = JSON.stringify({ ...this.all, ...change });
    try { localStorage.setItem(this.#name, this.#copy); } catch { /* denied or full: memory has it */ }
  }

  // queue adds a message; false if too many wait already.
  queue(message) {
    const { outbox } = this.all;
    if (outbox.length >= OUTBOX_MAX) return false;
    this.set({ outbox: [...outbox, message] });
    return true;
  }

  // change replaces fields of a waiting message.
  change(id, fields) {
    this.set({ outbox: this.all.outbox.map(m => (m.id === id ? { ...m, ...fields } : m)) });
  }

  // confirm takes out a message that is safe with the desk; false if none of that id waits.
  confirm(id) {
    const { outbox } = this.all;
    const rest = outbox.filter(m => m.id !== id);
    if (rest.length === outbox.length) return false;
    this.set({ outbox: rest });
    return true;
  }

  // forget the thread; what was never confirmed stays and opens the next one.
  forget() { this.set({ key: '', read: '' }); }

  // onOther calls back when another tab has written.
  onOther(call) {
    addEventListener('storage', e => { if (e.key === this.#name) call(); });
  }
}
