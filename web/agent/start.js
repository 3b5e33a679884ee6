// Starts Converse.js as an agent's client. The folder of its files is the admin's.
import converse from './converse.min.js';

const socket = new URL('xmpp-websocket', location.href);
socket.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';

converse.initialize({
  view_mode: 'fullscreen',
  assets_path: '/agent',
  authentication: 'login',
  websocket_url: socket.href,
  bosh_service_url: undefined,
  discover_connection_methods: false,
  allow_registration: false,
  auto_reconnect: true,
  keepalive: true,
  muc_history_max_stanzas: 50,
});
