// The widget's loader, on somebody else's page:
//
//   <script async src="https://chat.example/widget.js" data-lang="de" data-color="#1b5e9b"></script>
//
// A button and nothing else, until the visitor opens the chat or has one open: frame.js does the rest.
(() => {
  const me = /** @type {HTMLScriptElement} */ (document.currentScript);
  if (window.frontdesk) return;
  const set = me.dataset, queue = set.queue || '';
  const wanted = (set.lang || document.documentElement.lang || navigator.language).slice(0, 2).toLowerCase();
  const lang = wanted in TEXTS ? wanted : 'en';
  const side = set.position === 'left' ? 'left' : 'right';
  const state = `frontdesk ${queue}`;

  /** @type {Frontdesk.Stored} A browser may deny storage to this page: then nothing is kept. */
  const stored = (kind, name, value) => {
    try {
      if (value === undefined) return window[kind].getItem(name);
      window[kind].setItem(name, value);
    } catch { /* denied */ }
    return null;
  };
  /** @type {Frontdesk.Make} */
  const make = (tag, props, ...inside) => {
    const e = Object.assign(document.createElement(tag), props);
    e.append(...inside);
    return e;
  };
  /** @param {string} name @param {Record<string, string>} attributes */
  const draw = (name, attributes) => {
    const e = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const a in attributes) e.setAttribute(a, attributes[a]);
    return e;
  };

  const host = document.createElement('div'), root = host.attachShadow({ mode: 'open' });
  /** @param {string} css */
  const style = css => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets.push(sheet);
  };
  style(`:host{all:initial;font:16px/1.4 system-ui,sans-serif}
button{font:inherit;border:0;cursor:pointer;padding:0}
:focus-visible{outline:3px solid #fff;box-shadow:0 0 0 6px #1b2530!important}
.b,.g,iframe{position:fixed;z-index:2147483000;${side}:16px;bottom:88px;border:0;border-radius:16px;box-shadow:0 4px 24px #0006}
.b{--c:${CSS.supports('color', set.color || '') ? set.color : '#1f5f8b'};bottom:16px;width:60px;height:60px;border-radius:50%;background:var(--c);color:#fff;color:oklch(from var(--c) clamp(0,(.565 - l)*1e3,1) 0 0)}
svg,img{width:30px;height:30px;vertical-align:middle}
.g{max-width:280px;background:#fff;color:#1b2530;display:flex}
.g button{background:none;color:inherit;text-align:start;padding:12px;min-width:44px}
@media print{:host{display:none}}`);
  let picture;
  if (set.logo) picture = make('img', { src: set.logo, alt: '' });
  else {
    picture = draw('svg', { viewBox: '0 0 24 24' });
    picture.append(draw('path', { d: 'M4 3h16q2 0 2 2v10q0 2-2 2H10l-6 5v-5q-2 0-2-2V5q0-2 2-2', fill: 'currentColor' }));
  }

  /** @type {Promise<Frontdesk.Frame> | undefined} */
  let frame;
  /** @returns {Promise<Frontdesk.Frame>} */
  const use = () => frame ??= import(String(new URL('chat/frame.js', me.src)))
    .then(m => m.start({ me, set, queue, lang, state, stored, make, style, root, button }));
  /** @returns {Promise<void>} */
  const open = () => use().then(f => f.show(true));
  const button = make('button', { className: 'b', type: 'button', ariaLabel: TEXTS[lang][0], ariaExpanded: 'false', onclick: open }, picture);
  window.frontdesk = {
    open,
    close() { frame?.then(f => f.show(false)); },
    /** @param {string} jwt */
    login(jwt) { set.token = jwt; frame?.then(f => f.login()); },
  };
  root.append(button);
  document.body.append(host);

  const last = Number(stored('localStorage', state));
  if (stored('sessionStorage', state)) open();
  else if (Date.now() - last < 864e5) use(); // a conversation is open: it tells of news
  else if (set.greeting && !stored('sessionStorage', `${state} greeted`)) {
    setTimeout(() => {
      if (frame) return;
      const done = () => { box.remove(); stored('sessionStorage', `${state} greeted`, '1'); };
      const box = make('div', { className: 'g', role: 'status' },
        make('button', { textContent: set.greeting, onclick() { done(); open(); } }),
        make('button', { textContent: '✕', ariaLabel: TEXTS[lang][1], onclick() { done(); button.focus(); } }));
      root.append(box);
    }, 1000 * (Number(set.greetingAfter) || 10));
  }
})();
