// The customer's chat: joins what is kept, the tabs, the thread and the view.

import { $, LOCALE, fill, make, uuid } from './dom.js';
import { clock } from './bubble.js';
import { Host } from './host.js';
import { Keep } from './keep.js';
import { Link } from './link.js';
import { Tabs } from './tabs.js';
import { Thread } from './thread.js';
import { Uploads } from './upload.js';
import { View } from './view.js';

const PAUSED_MS = 5000; // without a key, then the customer is no longer typing

/** @type {Frontdesk.Config} */
const config = JSON.parse(/** @type {HTMLMetaElement} */ (document.querySelector('meta[name=frontdesk]')).content);
config.queue = config.queue.toLowerCase();

/** @typedef {{ post(word: any): void, onword: (word: any) => void }} Way */

/** channel is the way to the other tabs: our own, or the host page's where we have no storage in common. @param {Host} host @param {Keep} keep */
function channel(host, keep) {
  if (keep.where === 'memory' || !('BroadcastChannel' in window)) return null;
  if (keep.where === 'host') {
    /** @type {Way} */
    const way = { post: word => host.tell({ tab: word }), onword() {} };
    host.on.tab = word => way.onword(word);
    return way;
  }
  const between = new BroadcastChannel(`frontdesk:${config.queue}`);
  /** @type {Way} */
  const way = { post: word => between.postMessage(word), onword() {} };
  between.onmessage = e => way.onword(e.data);
  return way;
}

/** style takes the configuration's colour, or the one that the site's line says. @param {string} wanted */
function style(wanted) {
  const color = CSS.supports('color', wanted) ? wanted : config.color;
  if (color) document.documentElement.style.setProperty('--brand', color);
}

async function run() {
  const host = new Host();
  const wanted = new URLSearchParams(host.framed ? location.hash.slice(1) : '');
  style(wanted.get('color') ?? '');
  const title = wanted.get('title')?.slice(0, 64) || config.title;
  await host.meet(config.queue, title);
  const keep = new Keep(`frontdesk:${config.queue}`, host);
  let newest = ''; // id of the newest message that wants to be marked as displayed
  let newestAt = 0;
  let unseen = 0;
  let composing = false, live = true; // live: what comes is new
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let pause;

  /** @type {Frontdesk.Events} */
  const heard = {
    phase(phase) {
      view.phase(phase);
      if (phase === 'ready') seen();
      else composing = false;
    },
    presence: (show, text) => view.presence(show, text),
    busy(is) {
      view.busy(is);
      live = !is;
    },
    earlier: there => view.earlier(there),
    place() {},
    own(m) {
      if ($('chat').hidden) view.chat(false); // begun in another tab
      keep.queue(m);
      thread.own(m);
    },
    confirmed(id) {
      keep.confirm(id);
      thread.mark(id, 'sent');
    },
    failed(id) {
      keep.change(id, { failed: true });
      thread.fail(id);
    },
    forget(gone) {
      thread.clear();
      view.clear();
      newest = '';
      newestAt = 0;
      news(0);
      begin(gone);
    },
    message: take,
  };
  const view = new View(title, config.images, {
    start(name, question) {
      if (!question) return;
      keep.set({ name, started: true });
      view.chat(true);
      say(question);
      tabs.connect();
    },
    say(text, about) { return say(text, about); },
    input(empty) {
      clearTimeout(pause);
      if (empty === composing) state(!empty);
      if (!empty) pause = setTimeout(() => state(false), PAUSED_MS);
    },
    again(id) {
      keep.change(id, { failed: false });
      const m = keep.all.outbox.find(o => o.id === id);
      if (m) tabs.own(m);
    },
    earlier: () => view.anchored(() => tabs.hint('earlier')),
    here: () => tabs.connect(),
    close: () => host.close(),
    message: key => thread.messages.find(m => m.key === key),
    lastOwn: () => thread.lastOwn,
    react: (m, emojis) => send({ react: { id: m.id, emojis } }),
    withdraw: m => send({ retract: m.id }),
    choose: c => say(c.label, c.kind === 'action' ? { chosen: c.value } : { body: c.value }),
    fill: (form, words) => say(words || '✓', { form }),
  });
  const thread = new Thread((m, what) => view.message(m, what));
  const tabs = new Tabs(channel(host, keep), heard, (on, place) => new Link(config, keep, on, () => host.token, place));

  /** send has the desk get this, whatever comes between. @param {Partial<Frontdesk.Out>} what */
  function send(what) {
    if (keep.all.outbox.length >= 100) {
      view.notice(T.tooMany);
      return false;
    }
    tabs.own({ id: uuid(), at: Date.now(), nick: keep.all.name, ...what });
    return true;
  }

  /** @param {string} body @param {Partial<Frontdesk.Out>} about */
  function say(body, about = {}) {
    clearTimeout(pause);
    composing = false; // the message says so itself
    host.live(true);
    return send({ body, ...about });
  }

  /** @param {boolean} on */
  function state(on) {
    composing = on;
    if (tabs.ready) tabs.hint('signal', on ? 'composing' : 'paused');
  }

  /** @param {Frontdesk.Heard} m @param {number} page */
  function take(m, page) {
    if (m.displayed && !m.mine) thread.readUpTo(m.displayed);
    if (m.mine && m.displayed && m.displayed === newest) { // seen on another device
      keep.set({ read: newest, readAt: newestAt });
      news(0);
    }
    if (m.received && !m.mine) thread.mark(m.received, 'sent');
    if (m.delivered && !m.mine) thread.mark(m.delivered, 'delivered');
    if (page === 0 && !m.mine) {
      if (m.body !== null || m.state) view.typing(m.state === 'composing' && m.body === null, m.nick);
      if (m.markable && m.id) newest = m.id;
    }
    const fresh = thread.take(m, page);
    if (fresh && $('chat').hidden) { // what was said is shown, whatever another tab has left in what is kept
      keep.set({ started: true });
      view.chat(false);
    }
    if (fresh && !fresh.mine && page === 0) {
      newestAt = fresh.at;
      if (!host.visible && fresh.at > keep.all.readAt) news(unseen + 1);
      if (live) arrived(fresh);
    }
    if (live && !m.mine) {
      if (m.replaces && m.body !== null && !fresh) view.aloud(fill(T.corrected, { text: m.body }));
      if (m.retracts) view.aloud(T.aWithdrawn);
    }
    seen();
  }

  /** @param {Frontdesk.Message} m */
  function arrived(m) {
    view.arrived();
    host.live(true);
    if (host.visible) return;
    const { sound, notices } = keep.all;
    if (sound) ring();
    if (notices) host.notify(m.nick || title, m.body || m.url);
  }

  /** @param {number} n */
  function news(n) {
    if (n !== unseen) host.unread(unseen = n);
  }

  // seen tells the desk what the customer has before him: once, and only while he can see it.
  function seen() {
    const { read, readAt } = keep.all;
    if (!host.visible || $('chat').hidden) return;
    if (newestAt > readAt) keep.set({ readAt: newestAt });
    news(0);
    if (!newest || newest === read || !tabs.ready) return;
    keep.set({ read: newest });
    tabs.hint('displayed', newest);
  }

  menu(host, keep, view, tabs, title, heard);
  host.on.opened = () => view.opened();
  host.on.seen = seen;
  host.on.login = () => {
    $('forget').hidden = Boolean(host.token);
    if (host.token) view.chat(false);
    tabs.hint('again');
  };
  keep.onOther(() => { if (keep.all.readAt >= newestAt) news(0); }); // seen in another tab
  if (config.upload) new Uploads(file => tabs.call('slot', file), url => say(url, { url }), text => view.notice(text));
  $('close').hidden = !host.framed;
  $('forget').hidden = Boolean(host.token);

  /** begin shows the conversation, or that there is none yet. gone: there is none any more, whatever was kept. */
  function begin(gone = false) {
    const { name, started, outbox } = keep.all;
    outbox.forEach(m => thread.own(m));
    if (started && !gone || outbox.length || host.token) view.chat(false);
    else {
      if (gone) host.live(false);
      view.welcome(gone ? '' : name);
    }
  }
  begin();
  tabs.connect();
}

/** menu is what else can be done. @param {Host} host @param {Keep} keep @param {View} view @param {Tabs} tabs @param {string} title @param {Frontdesk.Events} heard */
function menu(host, keep, view, tabs, title, heard) {
  const { sound, notices } = keep.all;
  $('sound').checked = sound;
  $('notices').checked = notices;
  $('sound').onchange = () => {
    keep.set({ sound: $('sound').checked });
    if ($('sound').checked) ring();
  };
  $('notices').onchange = async () => {
    const on = $('notices').checked && await host.askNotices();
    if ($('notices').checked && !on) view.notice(T.noticesDenied);
    $('notices').checked = on;
    keep.set({ notices: on });
  };
  /** @param {string} id @param {() => void} does */
  const item = (id, does) => { $(id).onclick = () => { $('menu').hidePopover(); does(); }; };
  item('transcript', async () => {
    const lines = (await tabs.call('whole')).filter((/** @type {Frontdesk.Heard} */ m) => m.body !== null && !m.retracts)
      .map((/** @type {Frontdesk.Heard} */ m) => `[${new Date(m.at).toLocaleDateString(LOCALE)} ${clock.format(m.at)}] ${m.mine ? keep.all.name || T.you : m.nick || title}: ${m.body}`);
    const text = URL.createObjectURL(new Blob([lines.join('\n'), '\n'], { type: 'text/plain;charset=utf-8' }));
    make('a', { href: text, download: `${title}.txt` }).click();
    setTimeout(() => URL.revokeObjectURL(text), 10_000);
  });
  item('end', () => {
    tabs.hint('signal', 'gone');
    host.live(false);
    view.notice(T.ended);
  });
  item('forget', () => $('sure').showModal());
  $('sure').onclose = async () => {
    if ($('sure').returnValue !== 'yes') return;
    $('sure').returnValue = '';
    keep.set({ outbox: [] });
    await tabs.hint('release');
    keep.forget(); // though nobody may have been there to tell the desk
    heard.forget(true);
  };
}

/** ring is a short, soft sound. */
function ring() {
  const audio = new AudioContext(), tone = audio.createOscillator(), level = audio.createGain();
  tone.frequency.setValueAtTime(660, 0);
  tone.frequency.setValueAtTime(880, audio.currentTime + 0.12);
  level.gain.setValueAtTime(0.12, audio.currentTime);
  level.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + 0.4);
  tone.connect(level).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.4);
  tone.onended = () => audio.close();
}

run().catch(error => {
  $('notice-text').textContent = T.notLoaded;
  throw error;
});
