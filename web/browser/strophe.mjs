// Makes web/chat/vendor/strophe-5.0.0.js out of the npm package strophe.js, as it is: what
// the chat uses of it and no more. Left out are the transports other than WebSocket,
// stream management, and every login but the anonymous one: a third of its size.
//
//   node strophe.mjs          writes it
//   node strophe.mjs -check   fails if the file is another
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const from = fileURLToPath(new URL('node_modules/strophe.js/', import.meta.url));
const to = fileURLToPath(new URL('../chat/vendor/strophe-5.0.0.js', import.meta.url));
const { version } = JSON.parse(readFileSync(`${from}package.json`, 'utf8'));
if (version !== '5.0.0') throw new Error(`strophe.js is ${version}: the file's name has the version`);

const ENTRY = `
import Connection from './connection';
import SASLAnonymous from './sasl-anon';
import log from './log';
import { $iq, $msg, $pres } from './builder';
import { LOG_LEVELS as LogLevel, Status } from './constants';
Object.assign(globalThis, { $iq, $msg, $pres, Strophe: { Connection, LogLevel, SASLAnonymous, Status, setLogLevel: l => log.setLogLevel(l) } });
`;
const NONE = 'export default class {}\nexport const isCountableStanza = () => false, toStanzaView = () => null, StreamManagementMirror = class {}, SessionStorageBackend = class {};';

const { outputFiles } = await build({
  stdin: { contents: ENTRY, resolveDir: `${from}src`, loader: 'ts' },
  bundle: true, minify: true, write: false, format: 'iife', target: 'es2022',
  banner: { js: '/* Strophe.js 5.0.0, MIT, in part: see strophe-LICENSE.txt and README.md */' },
  plugins: [{
    name: 'left out',
    setup(b) {
      const unused = /\/(bosh|worker-websocket|stream-management|request|sasl-(external|oauthbearer|plain|sha\d+|xoauth2))$/;
      b.onResolve({ filter: unused }, a => ({ path: a.path, namespace: 'none' }));
      b.onLoad({ filter: /./, namespace: 'none' }, () => ({ contents: NONE }));
    },
  }],
});
const [{ text }] = outputFiles;
if (!process.argv.includes('-check')) writeFileSync(to, text);
else if (text !== readFileSync(to, 'utf8')) throw new Error(`${to} is not what node strophe.mjs writes`);
