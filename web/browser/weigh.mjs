// Weighs the widget beside Converse.js, against a running `make run`: bytes on the wire with an empty cache and with a
// warm one, and the time until something can be typed, here and on a slow line. Converse.js comes as a web server would
// send it: compressed, and to be kept for a year (/agent serves it plain, for a trial on one machine).
//
//   node weigh.mjs http://127.0.0.1:8080
import { createServer, get } from 'node:http';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';

const base = process.argv[2] ?? 'http://127.0.0.1:8080';
const SLOW = { offline: false, latency: 400, downloadThroughput: 400e3 / 8, uploadThroughput: 400e3 / 8 };
const TIMES = 3; // of which the median counts

// A server before /agent that compresses once what can be compressed, and lets all but the page itself be kept.
const zipped = new Map();
const zipper = createServer((ask, answer) => {
  const done = ([headers, body]) => { answer.writeHead(200, headers); answer.end(body); };
  if (zipped.has(ask.url)) { done(zipped.get(ask.url)); return; }
  get(base + ask.url, from => {
    const parts = [];
    from.on('data', part => parts.push(part));
    from.on('end', () => {
      const type = from.headers['content-type'] ?? '', text = /javascript|css|json|html|svg|text/.test(type);
      const body = text ? gzipSync(Buffer.concat(parts), { level: 9 }) : Buffer.concat(parts);
      const headers = { 'content-type': type, 'content-length': body.length, 'cache-control': ask.url.endsWith('/') ? 'no-cache' : 'max-age=31536000, immutable', ...(text && { 'content-encoding': 'gzip' }) };
      if (from.statusCode !== 200) { answer.writeHead(from.statusCode); answer.end(); return; }
      zipped.set(ask.url, [headers, body]);
      done([headers, body]);
    });
  });
});
await new Promise(listening => { zipper.listen(0, '127.0.0.1', listening); });
const zip = `http://127.0.0.1:${zipper.address().port}`;

const pages = {
  'widget: the page before a click': { path: '/shop/cart', ready: p => p.getByRole('button', { name: 'Open chat' }), own: u => u.endsWith('/widget.js') },
  'widget: opened': {
    path: '/shop/cart', own: u => !/\/shop\//.test(u),
    ready: async p => {
      await p.getByRole('button', { name: 'Open chat' }).click();
      return p.frameLocator('iframe').getByRole('textbox', { name: 'Your question' });
    },
  },
  'chat as a page': { path: '/chat/', ready: p => p.getByRole('textbox', { name: 'Your question' }), own: () => true },
  'Converse.js': { base: zip, path: '/agent/', ready: p => p.locator('input[name=jid]'), own: () => true },
};

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
const median = all => all.sort((a, b) => a - b)[all.length >> 1];

/** measure is one visit, and one more with what the first has left in the cache. */
async function measure(what, slow) {
  const context = await browser.newContext();
  const visits = [];
  for (let i = 0; i < 2; i++) {
    const page = await context.newPage();
    const cdp = await context.newCDPSession(page);
    await cdp.send('Network.enable');
    if (slow) {
      await cdp.send('Network.emulateNetworkConditions', SLOW);
      await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 });
    }
    const visit = { requests: 0, bytes: 0, took: 0 };
    const urls = new Map(), open = new Set();
    let last = Date.now(); // when something was asked for or came
    cdp.on('Network.requestWillBeSent', e => {
      urls.set(e.requestId, e.request.url);
      open.add(e.requestId);
      last = Date.now();
    });
    cdp.on('Network.loadingFailed', e => open.delete(e.requestId));
    cdp.on('Network.loadingFinished', e => {
      open.delete(e.requestId);
      last = Date.now();
      if (!what.own(urls.get(e.requestId) ?? '')) return;
      visit.bytes += e.encodedDataLength;
      visit.requests++;
    });
    const start = Date.now();
    await page.goto((what.base ?? base) + what.path, { waitUntil: 'commit', timeout: 180_000 });
    await (await what.ready(page)).first().waitFor({ timeout: 180_000 });
    visit.took = Date.now() - start;
    for (const until = Date.now() + 60_000; Date.now() < until && (open.size > 0 || Date.now() - last < 2000);) await page.waitForTimeout(200);
    visits.push(visit);
    await page.close();
  }
  await context.close();
  return visits;
}

console.log('what | requests | cold, bytes | warm, bytes | usable, ms | warm | on a slow line | warm\n--- | --- | --- | --- | --- | --- | --- | ---');
for (const [name, what] of Object.entries(pages)) {
  const fast = [], slow = [];
  for (let i = 0; i < TIMES; i++) {
    fast.push(await measure(what, false));
    slow.push(await measure(what, true));
  }
  const [cold, warm] = fast[0];
  const took = (all, i) => median(all.map(visits => visits[i].took));
  console.log([name, cold.requests, cold.bytes, warm.bytes, took(fast, 0), took(fast, 1), took(slow, 0), took(slow, 1)].join(' | '));
}
await browser.close();
zipper.close();
