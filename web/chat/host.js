// The page around the chat: the loader's where the chat is a frame on another site, else the browser's window.

export class Host {
  framed = parent !== window;
  open = true; // the visitor has it before him, if the tab is
  /** @type {string | undefined} the site's word for who the visitor is */
  token;
  /** @type {string | null} what the host page keeps for us */
  kept = null;
  #origin = ''; // of the host page
  /** @type {{ kept(): void, tab(word: any): void, opened(): void, seen(): void, login(): void }} */
  on = { kept() {}, tab() {}, opened() {}, seen() {}, login() {} };
  #title = '';
  /** @type {((said: string) => void) | undefined} */
  #asked;

  /**
   * meet returns once the host page has said hello; at once where there is none.
   * @param {string} name under which it keeps things @param {string} title
   */
  async meet(name, title) {
    this.#title = title;
    document.addEventListener('visibilitychange', () => this.on.seen());
    if (!this.framed) return;
    this.open = false;
    await new Promise(met => {
      addEventListener('message', e => {
        if (e.source !== parent || !e.data?.frontdesk || (this.#origin && e.origin !== this.#origin)) return;
        this.#origin = e.origin; // only sites that frame-ancestors allows get here
        this.#hear(e.data.frontdesk, met);
      });
      // Anybody may hear this. What is said later is for the origin that answered.
      parent.postMessage({ frontdesk: { ready: { name, title, labels: { open: T.open, close: T.close, unread: T.unread } } } }, '*');
    });
  }

  /** @param {any} word @param {(value?: unknown) => void} met */
  #hear(word, met) {
    const { hello, open, kept, tab, token, asked } = word;
    if (hello) {
      this.open = hello.open;
      this.kept = hello.kept;
      this.token = hello.token;
      met();
    }
    if (open !== undefined) {
      this.open = open;
      if (open) this.on.opened();
      this.on.seen();
    }
    if (kept !== undefined) {
      this.kept = kept;
      this.on.kept();
    }
    if (tab) this.on.tab(tab);
    if (token !== undefined) {
      this.token = token;
      this.on.login();
    }
    if (asked) this.#asked?.(asked);
  }

  /** @param {object} word */
  tell(word) { if (this.#origin) parent.postMessage({ frontdesk: word }, this.#origin); }

  get visible() { return this.open && !document.hidden; }

  close() { this.tell({ close: 1 }); }

  /** live says whether a conversation is open: then the host's next page loads the chat again. @param {boolean} is */
  live(is) { this.tell({ live: is }); }

  /** keep has the host page change what it keeps: what another tab has changed meanwhile may not have come here yet. @param {object} change @param {string} text both together, as far as is known here */
  keep(change, text) {
    this.kept = text;
    this.tell({ keep: change });
  }

  /** @param {number} n */
  unread(n) {
    if (this.framed) this.tell({ unread: n });
    else document.title = n ? `(${n}) ${this.#title}` : this.#title;
  }

  /** askNotices asks the visitor for notifications, in a click; a frame must have its host ask. */
  async askNotices() {
    if (!('Notification' in window) && !this.framed) return false;
    const said = this.framed
      ? await new Promise(done => { this.#asked = done; this.tell({ ask: 1 }); })
      : await Notification.requestPermission();
    return said === 'granted';
  }

  /** @param {string} title @param {string} body */
  notify(title, body) {
    if (this.framed) this.tell({ notify: { title, body } });
    else new Notification(title, { body, tag: 'frontdesk' }).onclick = () => window.focus();
  }
}
