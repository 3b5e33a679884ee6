// The chat's frame on somebody else's page. This page keeps for it what the browser
// does not let it keep itself, and does what a frame may not: title, notifications.

/**
 * greet shows a sentence beside the button, once in a visit.
 * @param {Frontdesk.Host} h @param {string} dismiss
 */
export function greet({ set, style, stored, state, make, root, button, open }, dismiss) {
  const words = set.greeting ?? LOOK.greeting;
  if (!words) return; // in this language
  style(`.g{position:fixed;z-index:2147483000;${set.position === 'left' ? 'left' : 'right'}:16px;bottom:88px;border-radius:16px;box-shadow:0 4px 24px #0006;max-width:min(280px,100vw - 32px);background:#fff;color:#1b2530;display:flex;overflow-wrap:anywhere}
.g button{background:none;color:inherit;text-align:start;padding:12px;min-width:44px}`);
  const done = () => { box.remove(); stored('sessionStorage', `${state} greeted`, '1'); };
  const box = make('div', { className: 'g', role: 'status' },
    make('button', { textContent: words, onclick() { done(); open(); } }),
    make('button', { textContent: '✕', ariaLabel: dismiss, onclick() { done(); button.focus(); } }));
  root.append(box);
}

/**
 * start makes the frame, hidden.
 * @param {Frontdesk.Host} h
 * @returns {Frontdesk.Frame}
 */
export function start(h) {
  const { set, stored, state, root, button, make } = h;
  const page = new URL('chat/', h.me.src);
  const theme = set.theme || LOOK.theme;
  if (set.theme) h.query.set('theme', set.theme);
  page.search = String(h.query);
  const looks = Object.entries({ color: set.color, title: set.title }).filter(e => e[1]);
  page.hash = String(new URLSearchParams(/** @type {[string, string][]} */ (looks)));
  h.style(`iframe{width:390px;max-width:calc(100vw - 32px);height:min(640px,100vh - 104px);background:Canvas;color-scheme:${['light', 'dark'].includes(theme) ? theme : 'light dark'}}
iframe[hidden]{display:none}
@media(max-width:480px),(max-height:420px){iframe{inset:0;width:100%;max-width:none;height:100%;border-radius:0}}
i{position:absolute;top:-4px;right:-4px;min-width:22px;border-radius:11px;background:#b3261e;font:bold 13px/22px system-ui,sans-serif;padding:0 4px;box-sizing:border-box;text-align:center}
i:empty{display:none}
@media(prefers-reduced-motion:no-preference){iframe{animation:a .18s ease-out}@keyframes a{from{opacity:0;transform:translateY(8px)}}}`);

  const badge = make('i', { ariaHidden: 'true' });
  const frame = make('iframe', { title: set.title || 'Chat', hidden: true, src: page.href, allow: 'autoplay; clipboard-write' });
  let ready = false, open = false, unread = 0, name = '';
  /** @type {BroadcastChannel | undefined} */
  let tabs;
  let labels = { open: button.ariaLabel ?? '', close: button.ariaLabel ?? '', unread: '{n}' };

  /** @param {object} what */
  const tell = what => { if (ready) frame.contentWindow?.postMessage({ frontdesk: what }, page.origin); };
  const label = () => {
    const news = open ? 0 : unread;
    button.ariaExpanded = String(open);
    button.ariaLabel = (open ? labels.close : labels.open) + (news ? `, ${labels.unread.replace('{n}', String(news))}` : '');
    badge.textContent = news ? String(news) : '';
    const plain = document.title.replace(/^\(\d+\) /, '');
    const title = news ? `(${news}) ${plain}` : plain;
    if (title !== document.title) document.title = title;
  };
  /** @param {boolean} value */
  const show = value => {
    root.querySelector('.g')?.remove();
    if (value === open) return;
    open = value;
    frame.hidden = !open;
    stored('sessionStorage', state, open ? '1' : '');
    label();
    tell({ open });
    if (open) frame.focus(); else button.focus();
  };
  const kept = () => stored('localStorage', `frontdesk:${name}`);

  /** @type {Record<string, (value: any) => void>} What the frame may ask for. */
  const does = {
    ready(hello) {
      ready = true;
      ({ name, labels } = hello);
      label();
      if (!set.title) frame.title = hello.title;
      tell({ hello: { open, token: set.token, kept: kept() } });
    },
    close() { show(false); },
    unread(n) { unread = n; label(); },
    live(is) { stored('localStorage', state, is ? String(Date.now()) : ''); },
    keep(change) { stored('localStorage', `frontdesk:${name}`, JSON.stringify({ ...JSON.parse(kept() || '{}'), ...change })); },
    tab(word) {
      if (!tabs) {
        tabs = new BroadcastChannel(state);
        tabs.onmessage = e => tell({ tab: e.data });
      }
      tabs.postMessage(word);
    },
    ask() { Notification.requestPermission().then(asked => tell({ asked })); },
    notify({ title, body }) {
      new Notification(title, { body, tag: 'frontdesk' }).onclick = () => { window.focus(); show(true); };
    },
  };
  addEventListener('message', e => {
    if (e.source !== frame.contentWindow || e.origin !== page.origin) return;
    for (const [what, value] of Object.entries(e.data?.frontdesk ?? {})) if (Object.hasOwn(does, what)) does[what](value);
  });
  addEventListener('storage', e => { if (e.key === `frontdesk:${name}`) tell({ kept: e.newValue }); });
  button.append(badge);
  button.onclick = () => show(!open);
  root.append(frame);
  return { show, login: () => tell({ token: set.token }) };
}
