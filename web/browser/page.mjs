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
//   PAGE_TIMEOUT   milliseconds that a command may wait, default 15000
//
// Ends when standard input does.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const BASE = new URL(process.env.BASE_URL ?? '');
const TIMEOUT = Number(process.env.PAGE_TIMEOUT ?? 15000);
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

class Page {
  #context; #page;
  #faults = []; // console errors, exceptions, policy violations, foreign requests, failed requests

  // open {mobile, dark, path, deny, still}: a fresh customer. deny: the browser has no storage.
  async open({ mobile = false, dark = false, path = '/', deny = false, still = true }) {
    this.#context = await browser.newContext({
      viewport: mobile ? { width: 390, height: 780 } : { width: 1100, height: 760 },
      ...(mobile ? { isMobile: true, hasTouch: true, deviceScaleFactor: 2 } : {}),
      colorScheme: dark ? 'dark' : 'light',
      reducedMotion: still ? 'reduce' : 'no-preference',
      locale: 'en-GB',
    });
    this.#context.setDefaultTimeout(TIMEOUT);
    if (deny) {
      await this.#context.addInitScript(() => {
        Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('denied', 'SecurityError'); } });
      });
    }
    await this.#start(path);
  }

  // tab {of}: a page beside another one's, with its storage.
  async tab({ of, path = '/' }) {
    this.#context = pages.get(of).#context;
    await this.#start(path);
  }

  async #start(path) {
    const page = this.#page = await this.#context.newPage();
    const fault = text => this.#faults.push(text);
    page.on('console', m => { if (['error', 'warning'].includes(m.type())) fault(`console: ${m.text()}`); });
    page.on('pageerror', e => fault(`exception: ${e.message}`));
    page.on('requestfailed', r => fault(`failed: ${r.url()} ${r.failure()?.errorText}`));
    const own = url => { const u = new URL(url); return u.host === BASE.host || ['data:', 'blob:'].includes(u.protocol); };
    page.on('request', r => { if (!own(r.url())) fault(`foreign: ${r.url()}`); });
    page.on('websocket', w => { if (!own(w.url())) fault(`foreign: ${w.url()}`); });
    await page.exposeFunction('violated', text => fault(`policy: ${text}`));
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', e => window.violated(`${e.violatedDirective} ${e.blockedURI}`));
    });
    await page.goto(new URL(path, BASE).href);
  }

  #in({ role, name, css, text, exact = false }) {
    if (css) return text === undefined ? this.#page.locator(css) : this.#page.locator(css, { hasText: text });
    if (role) return this.#page.getByRole(role, { name, exact });
    return this.#page.getByText(text, { exact });
  }

  // A place is {role, name} or {css, text} or {text}.
  async see(where) { await this.#in(where).first().waitFor({ state: 'visible' }); }
  async gone(where) { await this.#in(where).first().waitFor({ state: 'hidden' }); }
  async exists(where) { await this.#in(where).first().waitFor({ state: 'attached' }); }
  async count(where) { return this.#in(where).count(); }
  async texts(where) { return (await this.#in(where).allInnerTexts()).map(t => t.trim()); }
  async attribute({ attribute, ...where }) { return this.#in(where).first().getAttribute(attribute); }
  async fill({ value, ...where }) { await this.#in(where).fill(value); }
  async click(where) { await this.#in(where).first().click(); }

  // keys {text} types, {press} presses: wherever the focus is.
  async keys({ text, press }) {
    if (text) await this.#page.keyboard.type(text);
    if (press) await this.#page.keyboard.press(press);
  }

  // focused is "tag#id" of what has the focus.
  async focused() { return this.#page.evaluate(() => `${document.activeElement.localName}#${document.activeElement.id}`); }

  // clock takes over the page's time, which goes on as before; forward {ms} jumps.
  async clock() { await this.#page.clock.install(); }
  async forward({ ms }) { await this.#page.clock.fastForward(ms); }

  async reload() { await this.#page.reload(); }
  async close() { await (this.#context.pages().length > 1 ? this.#page.close() : this.#context.close()); }
  async shot({ path }) { await this.#page.screenshot({ path }); }

  // stored is what the page keeps, as JSON, under a name.
  async stored({ name }) { return this.#page.evaluate(n => localStorage.getItem(n), name); }

  // forge sends a frame over a WebSocket of the page's own origin and returns how it ended.
  async forge({ frames, path = '/xmpp-websocket' }) {
    return this.#page.evaluate(([list, way]) => new Promise(done => {
      const seen = [];
      const socket = new WebSocket(new URL(way, location.href.replace(/^http/, 'ws')), 'xmpp');
      socket.onopen = () => list.forEach(f => socket.send(f));
      socket.onmessage = m => seen.push(m.data);
      socket.onclose = e => done({ code: e.code, reason: e.reason, seen });
    }), [frames, path]);
  }

  // axe returns accessibility violations, a line each.
  async axe() {
    await this.#page.evaluate(AXE);
    return this.#page.evaluate(async () => {
      const { violations } = await axe.run(document, { resultTypes: ['violations'] });
      return violations.flatMap(v => v.nodes.map(n => `${v.id}: ${n.target.join(' ')}: ${n.failureSummary}`));
    });
  }

  // faults returns what went wrong since it was last asked.
  async faults() { return this.#faults.splice(0); }
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
await browser.close();
