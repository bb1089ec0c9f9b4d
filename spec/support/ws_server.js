// npm's ws as the WebSocket server of the specs. usage: node ws_server.js [--unix PATH] [--tls CERT KEY] [--max N]
// Prints "listening PORT". What a client sends is a command, if it is JSON with "do"; otherwise it is echoed as it came.
//
//   {"do": "close", "code", "reason"}   {"do": "terminate"} (TCP end without a close frame)   {"do": "reset"}
//   {"do": "ping", "data"} -> the pong's data comes back as "pong DATA"        {"do": "pause"} stops reading
//   {"do": "head"} -> the handshake's request as JSON                          {"do": "seen"} -> {pings, messages, codes}
//   {"do": "mask"} -> that of the command's frame, in hex, where it comes alone
//   {"do": "flood", "n", "size"}: so many messages   {"do": "fragments", "parts": [text…]}
//   {"do": "raw", "hex"}: these bytes on the socket  {"do": "deaf"}: no pong any more, no close either
// The last subprotocol that is offered is taken. The path /refuse/CODE answers with that status and a body;
// /silent never answers; /answer?HEX answers with these bytes: the right accept for ACCEPT, 20,000 bytes for PAD.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const https = require('https');
const { WebSocketServer } = require('ws');

const options = { max: 256 * 1024 * 1024 };
for (let words = process.argv.slice(2); words.length; ) {
  const name = words.shift().slice(2);
  options[name] = name === 'tls' ? words.splice(0, 2) : words.shift();
}
const seen = { pings: 0, messages: 0, codes: [] };

const commands = {
  close: (ws, c) => ws.close(c.code, c.reason),
  terminate: (ws) => ws._socket.end(),
  reset: (ws) => ws._socket.resetAndDestroy(),
  ping: (ws, c) => ws.ping(c.data || ''),
  pause: (ws, c) => {
    ws.pause();
    if (c.ms) setTimeout(() => ws.resume(), c.ms);
  },
  head: (ws) => ws.send(JSON.stringify({ url: ws.head.url, headers: ws.head.headers })),
  mask: (ws) => ws.send(JSON.stringify(ws.bytes.subarray(2, 6).toString('hex'))),
  seen: (ws) => ws.send(JSON.stringify(seen)),
  flood: (ws, c) => {
    for (let i = 0; i < c.n; i++) ws.send(String(i).padStart(c.size, '.'));
  },
  fragments: (ws, c) => {
    c.parts.forEach((part, i) => {
      ws.send(part, { fin: i === c.parts.length - 1, binary: false });
      ws.ping(String(i));
    });
  },
  raw: (ws, c) => ws._socket.write(Buffer.from(c.hex, 'hex')),
  deaf: (ws) => ws._socket.removeAllListeners('data'),
};

function on_message(ws, data, binary) {
  seen.messages++;
  const text = binary ? '' : data.toString();
  const command = text.startsWith('{"do"') || text.includes('"do":') ? JSON.parse(text) : null;
  if (command && commands[command.do]) commands[command.do](ws, command);
  else ws.send(data, { binary });
}

const handle = (request, response) => response.end('no upgrade');
const server = options.tls
  ? https.createServer({ cert: fs.readFileSync(options.tls[0]), key: fs.readFileSync(options.tls[1]) }, handle)
  : http.createServer(handle);
const sockets = new WebSocketServer({
  noServer: true,
  maxPayload: Number(options.max),
  handleProtocols: (offered) => [...offered].pop(),
});

server.on('upgrade', (request, socket, head) => {
  const [, what, code] = request.url.split('/', 3);
  socket.on('error', () => {});
  if (what === 'silent') return;
  if (what === 'refuse') {
    socket.end(`HTTP/1.1 ${code} No\r\nLocation: http://elsewhere/\r\nContent-Length: 19\r\n\r\nnot\n today: go away`);
    return;
  }
  if (what.startsWith('answer?')) {
    const accept = crypto.createHash('sha1')
      .update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
    const text = Buffer.from(what.slice(7), 'hex').toString('latin1');
    socket.write(text.replace('ACCEPT', accept).replace('PAD', 'x'.repeat(20000)), 'latin1');
    return;
  }
  sockets.handleUpgrade(request, socket, head, (ws) => {
    ws.head = request;
    socket.prependListener('data', (data) => (ws.bytes = data)); // before ws itself looks at them
    ws.on('message', (data, binary) => on_message(ws, data, binary));
    ws.on('ping', () => seen.pings++);
    ws.on('pong', (data) => ws.readyState === 1 && data.length && ws.send('pong ' + data));
    ws.on('close', (code, reason) => seen.codes.push([code, reason.toString()]));
    ws.on('error', (e) => console.error(e.message));
  });
});
server.listen(options.unix ? { path: options.unix } : { port: 0, host: '127.0.0.1' }, () =>
  console.log('listening ' + (server.address().port || 0)));
