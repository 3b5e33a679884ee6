// What the customer sees. Everything foreign becomes text nodes: nothing that
// comes from the wire is ever parsed as HTML.

const $ = id => document.getElementById(id);

const NEAR = 80; // pixels from the end of the log that count as its end
const LINK = /(https?:\/\/[^\s<>"]+)/;

const STATE_TEXT = { waiting: 'Sending…', sent: 'Sent', read: 'Read', failed: 'Not sent' };
const SHOW_TEXT = {
  chat: 'We are here',
  dnd: 'All of us are busy. Write, and someone will answer.',
  xa: 'Nobody is here right now. Leave us a message.',
};
const PHASE_TEXT = {
  login: 'Connecting…',
  sync: 'Connecting…',
  waiting: 'No connection. What you write is kept and sent as soon as it is back.',
  unreachable: 'We can’t be reached right now. What you write is kept and sent as soon as possible.',
  parked: 'This chat is open in another tab.',
};
const PATIENCE_MS = 2000; // a shorter interruption is not worth a word

function make(tag, fields = {}, ...children) {
  const el = Object.assign(document.createElement(tag), fields);
  el.append(...children.filter(c => c !== null && c !== ''));
  return el;
}

// linked is text as nodes, its web addresses as links; what ends a sentence is not part of one.
function linked(text) {
  return text.split(LINK).flatMap((part, i) => {
    if (i % 2 === 0) return part ? [part] : [];
    const url = part.replace(/[.,;:!?'’”)\]]+$/, '');
    return [anchor(url, url), part.slice(url.length)].filter(Boolean);
  });
}

const anchor = (href, text) => make('a', { href, target: '_blank', rel: 'noopener noreferrer', referrerPolicy: 'no-referrer', textContent: text });

function fileName(url) {
  const last = new URL(url).pathname.split('/').pop();
  try { return decodeURIComponent(last) || url; } catch { return last; }
}

// Where a keyboard would cover half of the page, it comes when asked for.
const fine = matchMedia('(pointer: fine)');

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const calendar = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const dayOf = at => calendar.format(at) === calendar.format(Date.now()) ? 'Today' : calendar.format(at);

export class View {
  #title;
  #nodes = new Map(); // key of a message → its element
  #who = 'Support'; // who answered last
  #timers = {};
  #unseen = 0;
  #tidying = false;

  // on: start(name, question), say(text), input(empty), again(id), earlier(), here()
  constructor(title, on) {
    this.#title = this.#who = title;
    $('title').textContent = title;
    document.title = title;
    $('welcome').onsubmit = e => { e.preventDefault(); on.start($('name').value.trim(), $('question').value.trim()); };
    $('compose').onsubmit = e => {
      e.preventDefault();
      const text = $('text').value.trim();
      if (text && on.say(text)) $('text').value = '';
      this.#grow();
      $('text').focus();
    };
    for (const [id, form] of [['text', 'compose'], ['question', 'welcome']]) {
      $(id).onkeydown = e => {
        if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return;
        e.preventDefault();
        $(form).requestSubmit();
      };
    }
    $('text').oninput = () => { this.#grow(); on.input($('text').value === ''); };
    $('earlier').onclick = () => on.earlier();
    $('newest').onclick = () => { this.#toEnd(); $('text').focus(); };
    $('notice-button').onclick = () => on.here();
    $('scroll').onscroll = () => { if (this.#atEnd()) $('newest').hidden = true; };
    $('log').onclick = e => {
      if (e.target.dataset.again) on.again(e.target.dataset.again);
      if (e.target.dataset.say && on.say(e.target.dataset.say)) $('text').focus();
    };
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.#count(0); });
    new ResizeObserver(() => { if ($('newest').hidden) this.#toEnd(); }).observe($('scroll'));
  }

  welcome(name) {
    $('name').value = name;
    $('welcome').hidden = false;
    $('chat').hidden = true;
    if (fine.matches) $('name').focus();
  }

  // chat shows the conversation; with focus if the customer has just asked for it.
  chat(asked) {
    $('welcome').hidden = true;
    $('chat').hidden = false;
    if (asked || fine.matches) $('text').focus();
  }

  clear() {
    this.#nodes.clear();
    $('log').replaceChildren();
  }

  // message draws a new, changed or gone one.
  message(m, what) {
    const stick = this.#atEnd() || (what === 'new' && m.mine && m.state === 'waiting');
    let node = this.#nodes.get(m.key);
    if (what === 'gone') {
      node?.remove();
      this.#nodes.delete(m.key);
      return;
    }
    if (!node) {
      node = make('article');
      this.#nodes.set(m.key, node);
    }
    const moved = node.at !== m.at;
    const who = m.mine ? 'You' : m.nick || this.#title;
    Object.assign(node, {
      at: m.at, order: m.order, who, stamp: `${who} ${clock.format(m.at)} ${m.state ?? ''}`,
      alone: m.edited || m.state === 'failed',
    });
    node.className = `message ${m.mine ? 'mine' : 'theirs'}`;
    node.dataset.state = m.state ?? '';
    node.dataset.id = m.id;
    node.replaceChildren(...this.#parts(m, node.who));
    if (moved) this.#place(node);
    if (!m.mine && what === 'new') this.#who = node.who;
    this.#tidy();
    if (stick) this.#toEnd();
  }

  // arrived is for a message that the customer has not seen yet, as it comes.
  arrived() {
    if (document.hidden) this.#count(this.#unseen + 1);
    if (!this.#atEnd()) $('newest').hidden = false;
  }

  // aloud is read by screen readers only.
  aloud(text) { $('aloud').textContent = text; }

  presence(show, text) {
    const known = show in SHOW_TEXT ? show : show === 'away' ? 'dnd' : 'chat';
    $('presence').dataset.show = known;
    $('presence').textContent = text || SHOW_TEXT[known];
  }

  phase(phase) {
    document.body.dataset.phase = phase;
    clearTimeout(this.#timers.notice);
    const text = PHASE_TEXT[phase] ?? '';
    // Attempts come and go: what a notice says of them stays until it is wrong.
    if ((phase === 'login' || phase === 'sync') && $('notice-text').textContent) return;
    const show = () => {
      this.notice(text, phase === 'parked' ? 'Continue here' : '');
      if (!text) return;
      $('presence').textContent = ''; // what it said is no longer known
      this.typing(false);
    };
    if (['login', 'sync', 'waiting'].includes(phase)) this.#timers.notice = setTimeout(show, PATIENCE_MS);
    else show();
  }

  notice(text, button = '') {
    if ($('notice-text').textContent !== text) $('notice-text').textContent = text;
    $('notice-button').textContent = button;
    $('notice-button').hidden = !button;
  }

  typing(on, nick = '') {
    clearTimeout(this.#timers.typing);
    const stick = this.#atEnd();
    if (nick) this.#who = nick;
    $('typing').textContent = on ? `${this.#who} is typing…` : '';
    if (on) this.#timers.typing = setTimeout(() => this.typing(false), 30_000);
    if (stick) this.#toEnd();
  }

  earlier(there) { $('earlier').hidden = !there; }

  // busy keeps a screen reader from reading the archive aloud.
  busy(is) { $('log').setAttribute('aria-busy', String(is)); }

  // anchored runs change, which adds above, and leaves what is seen where it is.
  async anchored(change) {
    const before = $('scroll').scrollHeight - $('scroll').scrollTop;
    this.busy(true);
    await change();
    $('scroll').scrollTop = $('scroll').scrollHeight - before;
    this.busy(false);
  }

  #parts(m, who) {
    const whole = m.body ?? '';
    const meta = make('p', { className: 'meta' }, make('time', { dateTime: new Date(m.at).toISOString(), textContent: clock.format(m.at) }));
    if (m.edited && !m.retracted) meta.append(' · edited');
    if (m.state) meta.append(' · ', make('span', { className: 'state', textContent: STATE_TEXT[m.state] }));
    if (m.state === 'failed') {
      const again = make('button', { type: 'button', className: 'again', textContent: 'Send again' });
      again.dataset.again = m.id;
      meta.append(' ', again);
    }
    const bubble = make('div', { className: 'bubble' }, make('span', { className: 'unseen', textContent: `${who}: ` }));
    if (m.retracted) bubble.append(make('p', { className: 'withdrawn', textContent: 'This message was withdrawn.' }));
    else {
      if (m.quote) bubble.append(make('blockquote', { textContent: m.quote }));
      if (m.url) bubble.append(make('p', { className: 'file' }, anchor(m.url, fileName(m.url))));
      if (whole && whole !== m.url) bubble.append(make('p', { className: 'body' }, ...linked(whole)));
    }
    const parts = [make('p', { className: 'day' }), make('p', { className: 'who', ariaHidden: 'true', textContent: who }), bubble];
    if (m.reactions.length && !m.retracted) {
      parts.push(make('p', { className: 'reactions' }, make('span', { className: 'unseen', textContent: 'Reactions: ' }), ...m.reactions.map(r => make('span', { textContent: r }))));
    }
    if (m.choices.length && !m.retracted) { // shown while it is the last message
      parts.push(make('div', { className: 'choices', role: 'group', ariaLabel: 'Answers' }, ...m.choices.map(({ value, label }) => {
        const button = make('button', { type: 'button', textContent: label });
        button.dataset.say = value;
        return button;
      })));
    }
    return [...parts, meta];
  }

  // #place puts an element where its time says; most belong at the end.
  #place(node) {
    let before = $('log').lastElementChild;
    while (before && (before === node || before.at > node.at || (before.at === node.at && before.order > node.order))) before = before.previousElementSibling;
    if (before) before.after(node); else $('log').prepend(node);
  }

  // #tidy shows a day once, and a name once for all that follows from the same person.
  #tidy() {
    if (this.#tidying) return;
    this.#tidying = true;
    queueMicrotask(() => {
      this.#tidying = false;
      let day = '', who = '';
      for (const node of $('log').children) {
        const its = dayOf(node.at);
        const [label] = node.children;
        label.textContent = its === day ? '' : its;
        node.classList.toggle('first', its !== day || node.who !== who);
        const next = node.nextElementSibling; // the time is said once for what was said in one breath
        node.classList.toggle('quiet', Boolean(next) && next.stamp === node.stamp && !node.alone);
        [day, who] = [its, node.who];
      }
    });
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

  #count(n) {
    this.#unseen = n;
    document.title = n ? `(${n}) ${this.#title}` : this.#title;
  }
}
