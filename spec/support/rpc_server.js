// A JSON-RPC server that answers as it is told, over HTTP, WebSocket and a unix socket at once.
// usage: node rpc_server.js SOCKET [PORT]; prints "listening PORT".
//
//   echo [...] -> params           later [ms, value] -> value, ms later     null -> null        big [n] -> a text of n bytes
//   fail [error] -> that error     nobody [error] -> that error with the id null                silent -> nothing
//   raw [text] -> that text instead of an answer; ID in it is the id        other -> an answer with another id
//   notify [n, what]: n notifications, then n     drop -> the connection ends     end -> in order     status [code, text] (HTTP)
//   drip [value] -> value, byte by byte           pair [value] -> the answer and a notification in one write
//   busy [ms] -> ms, after a time in which the server reads nothing from anybody
//   head -> the handshake's or request's headers  connections -> how many there have been
// A batch is answered in reverse order; silent ones are missing in it. What is no request ends the connection.
'use strict';
const http = require('http');
const net = require('net');
const { WebSocketServer } = require('ws');

let connections = 0;

function result_of(method, params, peer) {
  switch (method) {
    case 'echo': return { result: params };
    case 'null': return { result: null };
    case 'big': return { result: 'x'.repeat(params[0]) };
    case 'later': return { result: params[1], after: params[0] };
    case 'fail': return { error: params[0] };
    case 'nobody': return { error: params[0], id: null };
    case 'other': return { result: 1, id: 999999999 };
    case 'raw': return { raw: params[0] };
    case 'notify':
      for (let i = 0; i < params[0]; i++) peer.send(JSON.stringify({ jsonrpc: '2.0', method: 'note', params: [i, params[1]] }));
      return { result: params[0] };
    case 'pair': return { result: params[0], with: '{"jsonrpc":"2.0","method":"pair","params":{"a":"}"}}' };
    case 'drip': return { result: params[0], drip: true };
    case 'busy':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, params[0]);
      return { result: params[0] };
    case 'drop': return { drop: true };
    case 'end': return { end: true };
    case 'status': return { status: params[0], raw: params[1] };
    case 'head': return { result: peer.headers };
    case 'connections': return { result: connections };
    case 'silent': return null;
  }
  return { error: { code: -32601, message: 'no method ' + method } };
}

function envelope(request, outcome) {
  const { result, error } = outcome;
  return { jsonrpc: '2.0', id: 'id' in outcome ? outcome.id : request.id, ...(error !== undefined ? { error } : { result }) };
}

// peer: {send(text, drip), drop(), end(), status(code, text)}
function take(text, peer) {
  let message;
  try {
    message = JSON.parse(text);
  } catch (e) {
    console.error('not JSON: ' + text.slice(0, 200));
    return peer.drop();
  }
  if (Array.isArray(message)) return take_batch(message, peer);
  if (message.jsonrpc !== '2.0' || typeof message.id !== 'number' || !('params' in message)) return peer.drop();
  const outcome = result_of(message.method, message.params, peer);
  if (outcome) setTimeout(() => answer(message, outcome, peer), outcome.after || 0);
}

function answer(request, outcome, peer) {
  if (outcome.drop) return peer.drop();
  if (outcome.end) return peer.end();
  if (outcome.status) return peer.status(outcome.status, outcome.raw);
  if ('raw' in outcome) return peer.send(outcome.raw.replace('ID', request.id));
  const text = JSON.stringify(envelope(request, outcome));
  if (outcome.with) return peer.send(text, false, outcome.with);
  peer.send(text, outcome.drip);
}

function take_batch(requests, peer) {
  const answers = [];
  for (const request of requests) {
    const outcome = result_of(request.method, request.params, peer);
    if (outcome && outcome.id === null) return peer.send(JSON.stringify(envelope(request, outcome)));
    if (outcome && 'raw' in outcome) return peer.send(outcome.raw.replace('ID', request.id));
    if (outcome && outcome.drop) return peer.drop();
    if (outcome) answers.unshift(envelope(request, outcome));
  }
  peer.send(JSON.stringify(answers));
}

// ---- HTTP and WebSocket ----

const server = http.createServer((request, response) => {
  let text = '';
  request.on('data', (data) => (text += data));
  request.on('end', () => {
    const send = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    const drop = () => request.socket.destroy();
    take(text, { send: (body) => send(200, body), drop, end: drop, status: send, headers: request.headers });
  });
});
server.on('connection', () => connections++);
new WebSocketServer({ server }).on('connection', (ws, request) => {
  ws.on('message', (data) =>
    take(data.toString(), {
      send: (text, drip, more) => [text, more].forEach((t) => t && ws.send(t)),
      drop: () => ws._socket.destroy(),
      end: () => ws.close(4001, 'enough'),
      status: () => ws.terminate(),
      headers: request.headers,
    }));
});

// ---- JSON texts on a socket ----

// The texts of the stream so far, and the rest.
function split(text) {
  const texts = [];
  let depth = 0, string = false, start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (string) {
      if (c === '\\') i++;
      else if (c === '"') string = false;
    } else if (c === '"') string = true;
    else if (c === '{' || c === '[') depth++;
    else if ((c === '}' || c === ']') && --depth === 0) {
      texts.push(text.slice(start, i + 1));
      start = i + 1;
    }
  }
  return [texts, text.slice(start)];
}

async function drip(socket, text) {
  for (const byte of Buffer.from(text)) {
    socket.write(Buffer.from([byte]));
    await new Promise((done) => setImmediate(done));
  }
}

// Who ends his side still gets what he has asked for.
net.createServer({ allowHalfOpen: true }, (socket) => {
  let rest = '', texts;
  connections++;
  socket.on('error', () => {});
  socket.on('end', () => setTimeout(() => socket.end(), 20));
  socket.on('data', (data) => {
    [texts, rest] = split(rest + data);
    for (const text of texts)
      take(text, {
        send: (t, slowly, more) => (slowly ? drip(socket, t) : socket.write(t + (more || ''))),
        drop: () => socket.destroy(),
        end: () => socket.end(),
        status: () => socket.destroy(),
        headers: {},
      });
  });
}).listen(process.argv[2], () =>
  server.listen(Number(process.argv[3] || 0), '127.0.0.1', () => console.log('listening ' + server.address().port)));
