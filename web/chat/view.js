// What the customer sees.

import { $, LOCALE, fill, make } from './dom.js';
import { clock, partsOf } from './bubble.js';

const NEAR = 80; // pixels from the end of the log that count as its end
const PATIENCE_MS = 2000; // a shorter interruption is not worth a word
const FACES = '👍 ❤️ 😂 😮 😢 🙏';
const EMOJI = '😀 😄 😁 😅 😂 🙂 😉 😊 😍 😘 😋 😎 🤔 😐 😴 😮 😢 😭 😡 😱 🤗 🤷 🙈 👍 👎 👌 👏 🙏 💪 👋 🤝 ❤️ 💔 🎉 🎁 ⭐ 🔥 ✅ ❌ ❓ ❗ ☀️ ☕ 🍕 🚗 📦 📞 ✉️';

/** @type {Record<string, string>} */
const SHOW_TEXT = { chat: T.here, dnd: T.busy, xa: T.nobody };
/** @type {Record<string, string>} */
const PHASE_TEXT = { login: T.connecting, sync: T.connecting, waiting: T.offline, unreachable: T.unreachable, crowded: T.crowded, parked: T.parked };

// Where a keyboard would cover half of the page, it comes when asked for.
const fine = matchMedia('(pointer: fine)');

const calendar = new Intl.DateTimeFormat(LOCALE, { weekday: 'long', day: 'numeric', month: 'long' });
/** @param {number} at */
const dayOf = at => calendar.format(at) === calendar.format(Date.now()) ? T.today : calendar.format(at);

/** @typedef {Frontdesk.Message} Message @typedef {HTMLElement & { at: number, order: number, who: string, stamp: string, alone: boolean }} Node */

export class View {
  #title; #on; #images;
  /** @type {Map<string, Node>} */
  #nodes = new Map(); // key of a message → its element
  #who; // who answered last
  /** @type {Record<string, ReturnType<typeof setTimeout>>} */
  #timers = {};
  /** @type {Set<Node | null>} */
  #untidy = new Set(); // what changed, and its neighbours
  /** @type {{ replace?: string, reply?: { id: string, quote: string } }} what the next message is about */
  #about = {};

  /**
   * @param {string} title @param {string[]} images origins that pictures are shown from
   * @param {{
   *   start(name: string, question: string): void, say(text: string, about: object): boolean, input(empty: boolean): void, again(id: string): void,
   *   earlier(): void, here(): void, close(): void, message(key: string): Message | undefined, lastOwn(): Message | undefined,
   *   react(m: Message, emojis: string[]): void, withdraw(m: Message): void, choose(c: Frontdesk.Choice): void,
   *   fill(fields: [string, string[]][], words: string): void,
   * }} on
   */
  constructor(title, images, on) {
    this.#title = this.#who = title;
    this.#images = images;
    this.#on = on;
    $('title').textContent = title;
    document.title = title;
    $('welcome').onsubmit = (/** @type {Event} */ e) => {
      e.preventDefault();
      on.start($('name').value.trim(), $('question').value.trim());
    };
    $('compose').onsubmit = (/** @type {Event} */ e) => {
      e.preventDefault();
      const text = $('text').value.trim();
      if (text && on.say(text, this.#about)) {
        $('text').value = '';
        this.#speakOf();
      }
      this.#grow();
      $('text').focus();
    };
    for (const [id, form] of [['text', 'compose'], ['question', 'welcome']]) {
      $(id).onkeydown = (/** @type {KeyboardEvent} */ e) => {
        if (id === 'text' && this.#key(e)) e.preventDefault();
        if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
        e.preventDefault();
        $(form).requestSubmit();
      };
    }
    $('text').oninput = () => { this.#grow(); on.input($('text').value === ''); };
    $('earlier').onclick = () => on.earlier();
    $('newest').onclick = () => { this.#toEnd(); $('text').focus(); };
    $('notice-button').onclick = () => on.here();
    $('about-stop').onclick = () => { this.#stopAbout(); $('text').focus(); };
    $('close').onclick = () => on.close();
    $('scroll').onscroll = () => { if (this.#atEnd()) $('newest').hidden = true; };
    $('log').onclick = (/** @type {any} */ e) => {
      const { again, more } = e.target.dataset;
      if (again) on.again(again);
      if (more) this.#actions(on.message(more), e.target);
    };
    document.addEventListener('keydown', e => {
      if (e.key === 'Escape' && !document.querySelector(':popover-open, dialog[open]')) on.close();
    });
    const at = () => this.#atEnd();
    let was = true; // at the end, before the size changed
    $('scroll').addEventListener('scroll', () => { was = at(); });
    const resized = new ResizeObserver(() => { if (was) this.#toEnd(); });
    resized.observe($('scroll'));
    resized.observe($('log')); // messages out of sight have no size until they come into it
    $('log').addEventListener('load', () => { if (was) this.#toEnd(); }, true); // a picture
    $('emoji').append(...EMOJI.split(' ').map(e => make('button', { type: 'button', className: 'plain', textContent: e, onclick: () => this.#insert(e) })));
    for (const id of ['emoji', 'menu']) $(id).addEventListener('beforetoggle', (/** @type {any} */ e) => { if (e.newState === 'open') this.#beside($(id), $(`${id}-button`)); });
  }

  /** @param {string} name */
  welcome(name) {
    $('name').value = name;
    $('question').value = $('text').value = ''; // may be somebody else's
    $('welcome').hidden = false;
    $('chat').hidden = $('menu-button').hidden = true;
    if (fine.matches) $('name').focus();
  }

  /** chat shows the conversation; with focus if the customer has just asked for it. @param {boolean} asked */
  chat(asked) {
    $('welcome').hidden = true;
    $('chat').hidden = $('menu-button').hidden = false;
    if (asked || fine.matches) $('text').focus();
  }

  /** opened is for when the visitor opens the frame. */
  opened() {
    this.#toEnd();
    if (fine.matches) (($('chat').hidden ? $('name') : $('text'))).focus();
  }

  clear() {
    this.#nodes.clear();
    $('log').replaceChildren();
    $('choices').replaceChildren();
    this.typing(false);
    this.#stopAbout();
  }

  /** message draws a new, changed or gone one. @param {Message} m @param {Frontdesk.What} what */
  message(m, what) {
    const stick = this.#atEnd() || (what === 'new' && m.mine && m.state === 'waiting');
    let node = this.#nodes.get(m.key);
    if (node) this.#tidy(node.previousElementSibling, node.nextElementSibling);
    if (what === 'gone') {
      node?.remove();
      this.#nodes.delete(m.key);
      return;
    }
    if (!node) {
      node = /** @type {Node} */ (make('article'));
      this.#nodes.set(m.key, node);
    }
    const moved = node.at !== m.at;
    const who = m.mine ? T.you : m.nick || this.#title;
    Object.assign(node, {
      at: m.at, order: m.order, who: who + m.face, stamp: `${who + m.face} ${clock.format(m.at)} ${m.state ?? ''}`,
      alone: m.edited || m.state === 'failed',
    });
    node.className = `message ${m.mine ? 'mine' : 'theirs'}`;
    node.dataset.state = m.state ?? '';
    node.dataset.id = m.id;
    node.replaceChildren(...partsOf(m, who, this.#images, this.#on.fill));
    if (moved) this.#place(node, m.page > 0);
    if (!m.mine && what === 'new') this.#who = who;
    if (what === 'new' && !m.page) this.#choices(m);
    this.#tidy(node.previousElementSibling, node, node.nextElementSibling);
    if (stick) this.#toEnd();
    if (stick && what === 'new' && node.offsetHeight > $('scroll').clientHeight) node.scrollIntoView(); // from its beginning
  }

  /** arrived is for a message that the customer has not seen yet, as it comes. */
  arrived() { if (!this.#atEnd()) $('newest').hidden = false; }

  /** aloud is read by screen readers only. @param {string} text */
  aloud(text) { $('aloud').textContent = text; }

  /** @param {string} show @param {string} text */
  presence(show, text) {
    const known = show in SHOW_TEXT ? show : show === 'away' ? 'dnd' : 'chat';
    $('presence').dataset.show = known;
    $('presence').textContent = text || SHOW_TEXT[known];
  }

  /** @param {Frontdesk.Phase} phase */
  phase(phase) {
    document.body.dataset.phase = phase;
    clearTimeout(this.#timers.notice);
    const text = PHASE_TEXT[phase] ?? '';
    // Attempts come and go: what a notice says of them stays until it is wrong.
    if ((phase === 'login' || phase === 'sync') && $('notice-text').textContent) return;
    const show = () => {
      this.notice(text, phase === 'parked' ? T.continue : '');
      if (!text) return;
      $('presence').textContent = ''; // what it said is no longer known
      this.typing(false);
    };
    if (['login', 'sync', 'waiting'].includes(phase)) this.#timers.notice = setTimeout(show, PATIENCE_MS);
    else show();
  }

  /** @param {string} text */
  notice(text, button = '') {
    if ($('notice-text').textContent !== text) $('notice-text').textContent = text;
    $('notice-button').textContent = button;
    $('notice-button').hidden = !button;
  }

  /** @param {boolean} on */
  typing(on, nick = '') {
    clearTimeout(this.#timers.typing);
    const stick = this.#atEnd();
    if (nick) this.#who = nick;
    $('typing').textContent = on ? fill(T.typing, { name: this.#who }) : '';
    if (on) this.#timers.typing = setTimeout(() => this.typing(false), 30_000);
    if (stick) this.#toEnd();
  }

  /** @param {boolean} there */
  earlier(there) { $('earlier').hidden = !there; }

  /** busy keeps a screen reader from reading the archive aloud. @param {boolean} is */
  busy(is) { $('log').setAttribute('aria-busy', String(is)); }

  /** anchored runs change, which adds above, and leaves what is seen where it is. @param {() => Promise<unknown>} change */
  async anchored(change) {
    const before = $('scroll').scrollHeight - $('scroll').scrollTop;
    this.busy(true);
    await change();
    $('scroll').scrollTop = $('scroll').scrollHeight - before;
    this.busy(false);
  }

  // #key: arrow up in an empty box changes the last message, Escape stops that.
  /** @param {KeyboardEvent} e */
  #key(e) {
    const last = e.key === 'ArrowUp' && !$('text').value && this.#on.lastOwn();
    if (last) this.#edit(last);
    const stop = e.key === 'Escape' && !$('about').hidden;
    if (stop) {
      e.stopPropagation();
      this.#stopAbout();
    }
    return last || stop;
  }

  /** #actions offers what can be done with a message. @param {Message | undefined} m @param {HTMLElement} button */
  #actions(m, button) {
    if (!m) return;
    const box = $('actions');
    /** @param {string} text @param {() => void} does */
    const item = (text, does) => make('button', { type: 'button', textContent: text, onclick() { box.hidePopover(); does(); } });
    const items = [item(T.reply, () => this.#reply(m))];
    if (!m.mine) {
      items.unshift(/** @type {any} */ (make('div', { className: 'faces' }, ...FACES.split(' ').map(emoji => {
        const face = item(emoji, () => this.#on.react(m, m.own.includes(emoji) ? m.own.filter(e => e !== emoji) : [...m.own, emoji]));
        face.ariaLabel = fill(T.react, { emoji });
        face.ariaPressed = String(m.own.includes(emoji));
        return face;
      }))));
    } else if (m === this.#on.lastOwn()) items.push(item(T.edit, () => this.#edit(m)));
    if (m.mine && m.key === this.#lastMine()) items.push(item(T.remove, () => this.#on.withdraw(m)));
    box.replaceChildren(...items);
    this.#beside(box, button);
    box.showPopover();
    box.querySelector('button').focus();
  }

  #lastMine() {
    const mine = [...$('log').querySelectorAll('.mine')].filter(n => !n.querySelector('.withdrawn'));
    return `me ${mine.at(-1)?.dataset.id}`;
  }

  /** #beside puts a menu next to its button, inside the page. @param {HTMLElement} box @param {HTMLElement} button */
  #beside(box, button) {
    const at = button.getBoundingClientRect(), below = at.top < innerHeight / 2;
    Object.assign(box.style, {
      top: below ? `${at.bottom + 4}px` : 'auto', bottom: below ? 'auto' : `${innerHeight - at.top + 4}px`,
      left: at.left < innerWidth / 2 ? `${Math.max(8, at.left)}px` : 'auto', right: at.left < innerWidth / 2 ? 'auto' : `${Math.max(8, innerWidth - at.right)}px`,
    });
  }

  /** @param {Message} m */
  #reply(m) {
    const quote = (m.body || m.url).slice(0, 280);
    this.#speakOf({ reply: { id: m.id, quote } }, `${fill(T.replying, { name: m.mine ? T.you : m.nick || this.#title })}: ${quote}`);
  }

  /** @param {Message} m */
  #edit(m) {
    $('text').value = m.body;
    this.#grow();
    this.#speakOf({ replace: m.id }, T.editing);
  }

  #stopAbout() {
    if (this.#about.replace) $('text').value = '';
    this.#grow();
    this.#speakOf();
  }

  #speakOf(about = {}, text = '') {
    this.#about = about;
    $('about-text').textContent = text;
    $('about').hidden = !text;
    if (text) $('text').focus();
  }

  /** @param {string} emoji */
  #insert(emoji) {
    const box = $('text');
    $('emoji').hidePopover();
    box.focus();
    box.setRangeText(emoji, box.selectionStart, box.selectionEnd, 'end');
    box.dispatchEvent(new Event('input'));
  }

  /** #choices offers suggested answers to the newest message, but for those that stand in its form. @param {Message} m */
  #choices(m) {
    const formed = m.form?.fields.flatMap(f => f.options.flatMap(o => [o.value, o.label])) ?? [];
    $('choices').replaceChildren(...m.choices.filter(c => !formed.includes(c.value)).map(c => make('button', {
      type: 'button', textContent: c.label,
      onclick: () => { this.#on.choose(c); $('text').focus(); },
    })));
  }

  /** #place puts an element where its time says; most belong at the end, those of an earlier page at the top. @param {Node} node @param {boolean} above */
  #place(node, above) {
    /** @param {Element | null} n */
    const before = n => { const o = /** @type {Node} */ (n); return o !== node && (o.at < node.at || (o.at === node.at && o.order < node.order)); };
    node.remove();
    if (above) {
      let next = $('log').firstElementChild;
      while (next && before(next)) next = next.nextElementSibling;
      if (next) next.before(node); else $('log').append(node);
      return;
    }
    let last = $('log').lastElementChild;
    while (last && !before(last)) last = last.previousElementSibling;
    if (last) last.after(node); else $('log').prepend(node);
  }

  /** #tidy shows a day once, and a name once for all that follows from the same person. Where much was said, only what changed is looked at. @param {...any} nodes */
  #tidy(...nodes) {
    if (!this.#untidy.size) {
      queueMicrotask(() => {
        for (const node of this.#untidy) if (node?.isConnected) this.#neat(node);
        this.#untidy.clear();
      });
    }
    for (const node of nodes) this.#untidy.add(node);
  }

  /** @param {Node} node */
  #neat(node) {
    const before = /** @type {Node | null} */ (node.previousElementSibling), next = /** @type {Node | null} */ (node.nextElementSibling);
    const day = dayOf(node.at), newDay = !before || dayOf(before.at) !== day;
    const [label] = node.children, text = newDay ? day : '';
    if (label.textContent !== text) label.textContent = text;
    node.classList.toggle('first', newDay || node.who !== before?.who);
    node.classList.toggle('quiet', next?.stamp === node.stamp && !node.alone); // the time is said once for what was said in one breath
  }

  #grow() {
    const box = $('text');
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight + 2}px`;
  }

  #atEnd() { const s = $('scroll'); return s.scrollHeight - s.scrollTop - s.clientHeight < NEAR; }

  #toEnd() {
    $('scroll').scrollTop = $('scroll').scrollHeight;
    $('newest').hidden = true;
  }
}
