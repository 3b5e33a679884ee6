// The widget's loader, on somebody else's page:
//
//   <script async src="https://chat.example/widget.js" data-lang="de" data-color="#1b5e9b"></script>
//
// A button and nothing else, until the visitor opens the chat or has one open: frame.js does the rest.
(() => {
  const me = /** @type {HTMLScriptElement} */ (document.currentScript);
  if (window.frontdesk) return;
  const { queue = '' } = me.dataset;
  /** @type {Frontdesk.Look} The page's word counts before the configuration's. */
  const set = { ...LOOKS[queue || QUEUE] ?? LOOKS[''], ...me.dataset };
  const wanted = (set.lang || document.documentElement.lang || navigator.language).slice(0, 2).toLowerCase();
  const lang = wanted in TEXTS ? wanted : 'en';
  const side = set.position === 'left' ? 'left' : 'right';
  const state = `frontdesk ${queue}`;
  const query = new URLSearchParams({ lang, queue });

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
.b,iframe{position:fixed;z-index:2147483000;${side}:16px;bottom:88px;border:0;border-radius:16px;box-shadow:0 4px 24px #0006}
.b{--c:${CSS.supports('color', set.color || '') ? set.color : '#1f5f8b'};bottom:16px;width:60px;height:60px;border-radius:50%;background:var(--c);--k:clamp(0,(.1791 - .2126*r - .7152*g - .0722*b)*1e9,1);color:color(from var(--c) srgb-linear var(--k) var(--k) var(--k))}
svg,img{width:30px;height:30px;vertical-align:middle}img{width:40px;height:40px;object-fit:contain}
@media print{:host{display:none}}`);
  const bubble = draw('svg', { viewBox: '0 0 24 24' });
  bubble.append(draw('path', { d: 'M4 3h16q2 0 2 2v10q0 2-2 2H10l-6 5v-5q-2 0-2-2V5q0-2 2-2', fill: 'currentColor' }));
  const logo = set.logo ?? (set.image && String(new URL(set.image, me.src)));
  const picture = logo ? make('img', { src: logo, alt: '', onerror() { picture.replaceWith(bubble); } }) : bubble;

  const code = () => import(String(new URL(`chat/frame.js?${query}`, me.src)));
  /** @type {Promise<Frontdesk.Frame> | undefined} */
  let frame;
  /** @returns {Promise<Frontdesk.Frame>} */
  const use = () => frame ??= code().then(m => m.start(parts));
  /** @returns {Promise<void>} */
  const open = () => use().then(f => f.show(true));
  const button = make('button', { className: 'b', type: 'button', ariaLabel: TEXTS[lang][0], ariaExpanded: 'false', onclick: open }, picture);
  const parts = { me, set, query, state, stored, make, style, root, button, open };
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
  else if ((set.greeting ?? set.greets) && !stored('sessionStorage', `${state} greeted`)) {
    setTimeout(() => frame || code().then(m => frame || m.greet(parts, TEXTS[lang][1])), 1000 * (Number(set.greetingAfter) || 10));
  }
})();
