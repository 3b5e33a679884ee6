// Weighs the widget beside Converse.js, against a running `make run`: bytes on the wire with an
// empty cache and with a warm one, and the time until something can be typed, here and on a slow line.
//
//   node weigh.mjs http://127.0.0.1:8080
import { chromium } from 'playwright-core';

const base = process.argv[2] ?? 'http://127.0.0.1:8080';
const SLOW = { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 0.75e6 / 8 };

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
  'Converse.js': { path: '/agent/', ready: p => p.locator('input[name=jid]'), own: () => true },
};

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
console.log('what | requests | cold bytes | warm bytes | usable, ms | usable on a slow line, ms\n--- | --- | --- | --- | --- | ---');
for (const [name, what] of Object.entries(pages)) {
  const row = { requests: 0, cold: 0, warm: 0, usable: 0, slow: 0 };
  for (const slow of [false, true]) {
    const context = await browser.newContext();
    const visit = async field => {
      const page = await context.newPage();
      const cdp = await context.newCDPSession(page);
      await cdp.send('Network.enable');
      if (slow) {
        await cdp.send('Network.emulateNetworkConditions', SLOW);
        await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 });
      }
      const urls = new Map();
      cdp.on('Network.requestWillBeSent', e => urls.set(e.requestId, e.request.url));
      cdp.on('Network.loadingFinished', e => {
        if (slow || !what.own(urls.get(e.requestId) ?? '')) return;
        row[field] += e.encodedDataLength;
        if (field === 'cold') row.requests++;
      });
      const start = Date.now();
      await page.goto(base + what.path);
      const place = await what.ready(page);
      await place.first().waitFor();
      const took = Date.now() - start;
      await page.waitForLoadState('networkidle');
      await page.close();
      return took;
    };
    const took = await visit('cold');
    if (slow) row.slow = took;
    else {
      row.usable = took;
      await visit('warm');
    }
    await context.close();
  }
  console.log(`${name} | ${row.requests} | ${row.cold} | ${row.warm} | ${row.usable} | ${row.slow}`);
}
await browser.close();
