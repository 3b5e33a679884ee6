// The customer's chat: joins what is kept, the thread, the view and the link.
import { Keep } from './keep.js';
import { Link } from './link.js';
import { Thread } from './thread.js';
import { View } from './view.js';

const PAUSED_MS = 5000; // without a key, then the customer is no longer typing

async function load() {
  const answer = await fetch('config.json');
  if (!answer.ok) throw new Error(`config.json: ${answer.status}`);
  const config = await answer.json();
  return { ...config, queue: config.queue.toLowerCase() };
}

// uuid is crypto.randomUUID, which browsers give to secure origins only.
function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const b = crypto.getRandomValues(new Uint8Array(16));
  b[6] = (b[6] & 0x0f) | 0x40;
  b[8] = (b[8] & 0x3f) | 0x80;
  return Array.from(b, x => x.toString(16).padStart(2, '0')).join('').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function run(config) {
  const keep = new Keep(config.queue);
  let newest = ''; // id of the newest message that wants to be marked as displayed
  let composing = false, pause;
  let loaded = false; // what comes before is not news

  const view = new View(config.title, {
    start(name, question) {
      if (!question) return;
      keep.set({ name, started: true });
      say(question);
      view.chat(true);
      link.connect();
    },
    say,
    input(empty) {
      clearTimeout(pause);
      if (empty === composing) state(!empty);
      if (!empty) pause = setTimeout(() => state(false), PAUSED_MS);
    },
    again(id) {
      keep.change(id, { failed: false });
      thread.retry(id);
      const m = keep.all.outbox.find(o => o.id === id);
      if (m) link.post(m);
    },
    earlier: () => view.anchored(() => link.earlier()),
    here: () => link.connect(),
  });
  const thread = new Thread((m, what) => view.message(m, what));
  const link = new Link(config, keep, {
    phase(phase) {
      view.phase(phase);
      if (phase !== 'ready') {
        composing = false;
        return;
      }
      loaded = true;
      seen();
    },
    presence: (show, text) => view.presence(show, text),
    busy: is => view.busy(is),
    earlier: there => view.earlier(there),
    confirmed: id => thread.mark(id, 'sent'),
    failed: id => thread.fail(id),
    forget() {
      thread.clear();
      view.clear();
      newest = '';
      keep.all.outbox.forEach(m => thread.own(m));
    },
    message: take,
  });

  function say(body) {
    const m = { id: uuid(), body, at: Date.now(), nick: keep.all.name };
    if (!keep.queue(m)) {
      view.notice('Too many messages wait to be sent. Try again in a moment.');
      return false;
    }
    clearTimeout(pause);
    composing = false; // the message says so itself
    thread.own(m);
    link.post(m);
    return true;
  }

  function state(on) {
    composing = on;
    link.signal(on ? 'composing' : 'paused');
  }

  function take(m, page) {
    if (m.displayed && !m.mine) thread.readUpTo(m.displayed);
    if (page === 0 && !m.mine) {
      if (m.body !== null || m.state) view.typing(m.state === 'composing' && m.body === null, m.nick);
      if (m.markable && m.id) newest = m.id;
    }
    const fresh = thread.take(m, page);
    if (fresh && !fresh.mine && page === 0 && loaded) view.arrived();
    if (link.ready && !m.mine) {
      if (m.replaces && m.body !== null && !fresh) view.aloud(`Corrected: ${m.body}`);
      if (m.retracts) view.aloud('A message was withdrawn.');
    }
    seen();
  }

  // seen tells the desk what the customer has before him: once, and only while he can see it.
  function seen() {
    if (!newest || document.hidden || newest === keep.all.read) return;
    if (link.displayed(newest)) keep.set({ read: newest });
  }
  document.addEventListener('visibilitychange', seen);

  const { name, started, key, outbox } = keep.all;
  if (!started && !key && !outbox.length) {
    view.welcome(name);
    return;
  }
  outbox.forEach(m => thread.own(m));
  view.chat(false);
  link.connect();
}

load().then(run).catch(error => {
  document.getElementById('notice-text').textContent = 'The chat could not be loaded. Please reload the page.';
  throw error;
});
