// Drives pages in Chromium for tests: one JSON object a line in, one out.
//
//   in:  {"id": 1, "page": "anna", "do": "open", ...arguments}
//   out: {"id": 1, "value": ...} or {"id": 1, "error": "..."}
//
// The commands are the methods of Page below. Pages are separate browser
// contexts: they share no storage. Environment:
//
//   BASE_URL       origin that "open" starts from; needed
//   CHROMIUM       executable, default /usr/bin/chromium
//   PAGE_TIMEOUT   milliseconds that a command may wait, default 45000
//
// Ends when standard input does.
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const BASE = new URL(process.env.BASE_URL ?? '');
const CHAT = '/chat/';
const TIMEOUT = Number(process.env.PAGE_TIMEOUT ?? 45000);
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const launch = (more = {}) => chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  ...more,
});

// Playwright switches off what browsers have on: storage of a frame that is its own for each site around it. Without
// that, Chromium denies a frame of another site all storage: one browser for either.
const denying = await launch();
const browser = await launch({ ignoreDefaultArgs: switchesOff() });

// switchesOff are the arguments by which Playwright has started the browser without some features.
function switchesOff() {
  const lines = readdirSync('/proc').filter(n => /^\d+$/.test(n)).map(n => {
    try { return readFileSync(`/proc/${n}/stat`, 'utf8').split(') ')[1].split(' ')[1] === String(process.pid) ? readFileSync(`/proc/${n}/cmdline`, 'utf8') : ''; } catch { return ''; }
  });
  const all = lines.flatMap(l => l.split('\0')).filter(a => a.startsWith('--disable-features='));
  if (!all.some(a => a.includes('ThirdPartyStoragePartitioning'))) throw new Error('Playwright does not switch storage partitioning off any more: one browser will do');
  return all;
}

class Page {
  #context; #page;
  #framed = false; // the chat is a frame of the page
  #faults = []; // console errors, exceptions, policy violations, foreign requests, failed requests
  #borne = []; // what faults may have in them that are none
  #dialled = 0; // sockets that were opened, or tried to be

  // open {mobile, dark, path, deny, still, clock, lang, width, height, watch}: a fresh customer. path may be on another site, which
  // has the chat as its frame. deny: the browser has no storage for the chat, whole or as a frame. watch is CSS of what is
  // looked at with every frame that is drawn: watched says how it was. clock: as the command, from the start.
  async open({ watch, mobile = false, dark = false, path = CHAT, deny = false, still = true, clock = false, lang = 'en-GB', width = 1100, height = 760 }) {
    this.#framed = new URL(path, BASE).pathname !== CHAT;
    this.#context = await (deny && this.#framed ? denying : browser).newContext({
      viewport: mobile ? { width: 390, height: 780 } : { width, height },
      ...(mobile ? { isMobile: true, hasTouch: true, deviceScaleFactor: 2 } : {}),
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: still ? 'reduce' : 'no-preference',
      locale: lang,
      acceptDownloads: true,
    });
    this.#context.setDefaultTimeout(TIMEOUT);
    if (deny && !this.#framed) {
      await this.#context.addInitScript(() => {
        Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError'); } });
      });
    }
    if (clock) await this.#context.clock.install();
    if (watch) {
      await this.#context.addInitScript(css => {
        window.watched = new Set();
        const look = () => {
          const roots = [document, ...[...document.querySelectorAll('div')].map(e => e.shadowRoot).filter(Boolean)];
          for (const e of roots.flatMap(r => [...r.querySelectorAll(css)])) {
            const { left, width } = e.getBoundingClientRect();
            if (width && e.checkVisibility()) window.watched.add(`${e.localName} ${getComputedStyle(e).backgroundColor}${e.className === 'b' ? ` at ${left}` : ''}`);
          }
          requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
      }, watch);
    }
    await this.#start(path);
  }

  // watched {host} is each way in which something was seen that is watched; but for the page's own html and body around the chat.
  async watched({ host = false }) {
    return (host ? this.#page : this.#own).evaluate(around => [...window.watched].filter(w => !around || !/^(html|body) /.test(w)), host);
  }

  // style {property} is a computed one; loaded {part} waits until something with this in its address is loaded.
  async style({ property, ...where }) { return this.#in(where).first().evaluate((e, p) => getComputedStyle(e).getPropertyValue(p), property); }
  async loaded({ part }) { await this.#page.waitForFunction(p => performance.getEntriesByType('resource').some(r => r.name.includes(p)), part); }

  // tab {of}: a page beside another one's, with its storage.
  async tab({ of, path }) {
    this.#context = pages.get(of).#context;
    this.#framed = pages.get(of).#framed;
    path ??= pages.get(of).#page.url();
    await this.#start(path);
  }

  async #start(path) {
    const page = this.#page = await this.#context.newPage();
    const fault = text => { if (!page.isClosed() && !this.#borne.some(b => text.includes(b))) this.#faults.push(text); };
    page.on('console', m => { if (['error', 'warning'].includes(m.type())) fault(`console: ${m.text()}`); });
    page.on('pageerror', e => fault(`exception: ${e.message}`));
    page.on('requestfailed', r => fault(`failed: ${r.url()} ${r.failure()?.errorText}`));
    const start = new URL(path, BASE);
    const own = url => { const u = new URL(url); return [BASE.host, start.host].includes(u.host) || ['data:', 'blob:'].includes(u.protocol); };
    page.on('request', r => { if (!own(r.url())) fault(`foreign: ${r.url()}`); });
    page.on('websocket', w => {
      this.#dialled++;
      if (!own(w.url())) fault(`foreign: ${w.url()}`);
    });
    await page.exposeFunction('violated', text => fault(`policy: ${text}`));
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', e => window.violated(`${e.violatedDirective} ${e.blockedURI}`));
    });
    await page.goto(new URL(path, BASE).href);
  }

  #in({ role, name, css, text, exact = false, host = false }) {
    const where = this.#framed && !host ? this.#page.frameLocator('iframe') : this.#page;
    if (css) return text === undefined ? where.locator(css) : where.locator(css, { hasText: text });
    if (role) return where.getByRole(role, { name, exact });
    return where.getByText(text, { exact });
  }

  // #own is where the chat's code runs.
  get #own() { return this.#framed ? this.#page.frames().find(f => f.parentFrame() && new URL(f.url()).pathname === CHAT) ?? this.#page : this.#page; }

  // A place is {role, name} or {css, text} or {text}: in the chat; with {host: true} in the page that has it as a frame.
  async see(where) { await this.#in(where).first().waitFor({ state: 'visible' }); }
  async gone(where) { await this.#in(where).first().waitFor({ state: 'hidden' }); }
  async exists(where) { await this.#in(where).first().waitFor({ state: 'attached' }); }
  async count(where) { return this.#in(where).count(); }
  async texts(where) { return (await this.#in(where).allTextContents()).map(t => t.trim()); }
  async values(where) { return this.#in(where).evaluateAll(all => all.map(e => e.value)); }
  async attribute({ attribute, ...where }) { return this.#in(where).first().getAttribute(attribute); }
  async fill({ value, ...where }) { await this.#in(where).fill(value); }
  async click(where) { await this.#in(where).first().click(); }

  // keys {text} types, {press} presses: wherever the focus is.
  async keys({ text, press }) {
    if (text) await this.#page.keyboard.type(text);
    if (press) await this.#page.keyboard.press(press);
  }

  // focused is "tag#id" of what has the focus.
  async focused() { return this.#own.evaluate(() => `${document.activeElement.localName}#${document.activeElement.id}`); }

  // clock takes over the time of all pages of the customer, which goes on as before; timers that run already are not in it. forward {ms} jumps.
  async clock() { await this.#page.clock.install(); }
  async forward({ ms }) { await this.#page.clock.fastForward(ms); }

  // stop has the time of a page that was opened with a clock stand still, and resume go on.
  async stop() { await this.#page.clock.pauseAt(Date.now() + 1000); }
  async resume() { await this.#page.clock.resume(); }

  // slept {ms}: what the clock on the wall shows has gone on, but no timer has, as in a computer that slept.
  async slept({ ms }) { await this.#page.clock.setSystemTime(await this.#own.evaluate(() => Date.now()) + ms); }

  // pass {ms, step, beside, channel} lets time that stands go by in steps, and returns after how many ms the page dialled. Each attempt
  // ends before the next step; so does what it and the tab beside say to each other on a channel.
  async pass({ ms, step, beside, channel }) {
    const at = [], other = pages.get(beside);
    await other?.#own.evaluate(name => {
      const c = window.echo = new BroadcastChannel(name);
      c.onmessage = e => { if (e.data.to === 'echo') c.postMessage({ to: 'echoed' }); };
    }, channel);
    for (let now = step; now <= ms; now += step) {
      const before = this.#dialled;
      await this.#page.clock.runFor(step);
      await this.#in({ css: 'body:not([data-phase=login])' }).waitFor({ state: 'attached' });
      if (other) {
        await this.#own.evaluate(name => new Promise(done => {
          const c = new BroadcastChannel(name);
          c.onmessage = e => { if (e.data.to === 'echoed') { c.close(); done(); } };
          c.postMessage({ to: 'echo' });
        }), channel);
      }
      if (this.#dialled > before) at.push(now);
    }
    return at;
  }

  // offline {on} takes the network away and gives it back. A socket that is open stays so meanwhile, and carries nothing.
  async offline({ on }) { await this.#context.setOffline(on); }

  // bear {text}: what has this in it is no fault from now on.
  async bear({ text }) { this.#borne.push(text); }

  async reload() { await this.#page.reload(); }
  async close() { await (this.#context.pages().length > 1 ? this.#page.close() : this.#context.close()); }
  async shot({ path }) { await this.#page.screenshot({ path }); }

  // attach {how, files: [{name, type, base64}]} chooses files, or pastes or drops them.
  async attach({ how, files }) {
    const all = files.map(f => ({ name: f.name, mimeType: f.type, buffer: Buffer.from(f.base64, 'base64') }));
    if (how === 'choose') {
      await this.#in({ css: '#file' }).setInputFiles(all);
      return;
    }
    await this.#own.evaluate(([way, list]) => {
      const data = new DataTransfer();
      for (const f of list) data.items.add(new File([Uint8Array.from(atob(f.base64), c => c.charCodeAt(0))], f.name, { type: f.type }));
      const fire = (type, event) => document.getElementById('text').dispatchEvent(new event(type, { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data }));
      if (way === 'paste') fire('paste', ClipboardEvent);
      else for (const type of ['dragenter', 'dragover', 'drop']) fire(type, DragEvent);
    }, [how, files]);
  }

  // saved clicks and returns the text of the file that the browser then saves, after its name.
  async saved(where) {
    const [file] = await Promise.all([this.#page.waitForEvent('download'), this.click(where)]);
    return `${file.suggestedFilename()}\n${readFileSync(await file.path(), 'utf8')}`;
  }

  // allow grants permissions; notices are what was notified then.
  async allow({ permissions }) {
    await this.#context.grantPermissions(permissions);
    await this.#page.evaluate(() => {
      window.noticed = [];
      window.Notification = class { static requestPermission() { return Promise.resolve('granted'); } constructor(title, { body }) { window.noticed.push(`${title}: ${body}`); } };
    });
  }
  async notices() { return this.#page.evaluate(() => window.noticed); }

  // hide and show switch what the page takes for its tab's visibility.
  async hide({ hidden }) {
    await this.#own.evaluate(is => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => is });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  }

  // stored is what the page keeps, as JSON, under a name.
  async stored({ name, host = false }) { return (host ? this.#page : this.#own).evaluate(n => localStorage.getItem(n), name); }

  // refused waits until the browser has refused to show the frame.
  async refused() {
    const says = text => text.includes('frame-ancestors');
    if (!this.#faults.some(says)) await this.#page.waitForEvent('console', m => says(m.text()));
  }

  // title is that of the page or of the one around it.
  async title() { return this.#page.title(); }

  // goto goes to another page of the same customer.
  async goto({ path }) { await this.#page.goto(new URL(path, BASE).href); }

  // run {script} runs a function's text in the page around the chat, or in the page.
  async run({ script }) { return this.#page.evaluate(script); }

  // forge sends a frame over a WebSocket of the page's own origin and returns how it ended.
  async forge({ frames, path = '/xmpp-websocket' }) {
    return this.#own.evaluate(([list, way]) => new Promise(done => {
      const seen = [];
      const socket = new WebSocket(new URL(way, location.href.replace(/^http/, 'ws')), 'xmpp');
      socket.onopen = () => list.forEach(f => socket.send(f));
      socket.onmessage = m => seen.push(m.data);
      socket.onclose = e => done({ code: e.code, reason: e.reason, seen });
    }), [frames, path]);
  }

  // axe returns accessibility violations, a line each.
  async axe() {
    await this.#own.evaluate(AXE);
    return this.#own.evaluate(async () => {
      const { violations } = await axe.run(document, { resultTypes: ['violations'] });
      return violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary}`));
    });
  }

  // wide is how many pixels of the chat lie beyond its sides.
  async wide() { return this.#own.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth); }

  // faults returns what went wrong since it was last asked.
  async faults() { return this.#faults.splice(0); }

  // leftovers are the faults of all pages that nobody asked for, those of closed ones too.
  async leftovers() { return [...pages].flatMap(([name, page]) => page.#faults.splice(0).map(f => `${name}: ${f}`)); }
}

const pages = new Map();
const verbs = new Set(Object.getOwnPropertyNames(Page.prototype).filter(n => n !== 'constructor'));

async function obey({ id, page, do: verb, ...rest }) {
  try {
    if (!verbs.has(verb)) throw new Error(`no such command: ${verb}`);
    if (!pages.has(page)) pages.set(page, new Page());
    const value = await pages.get(page)[verb](rest);
    process.stdout.write(`${JSON.stringify({ id, value: value ?? null })}\n`);
  } catch (e) {
    process.stdout.write(`${JSON.stringify({ id, error: e.message })}\n`);
  }
}

for await (const line of createInterface({ input: process.stdin })) obey(JSON.parse(line));
await Promise.all([browser.close(), denying.close()]);
