// Stands between a client and an Ethereum node, over HTTP and WebSocket: notes what comes by, and spoils what it is told to.
// usage: node chain_proxy.js NODE-URL PORT [OPTION…]; listens there.
//
//   no-batches     a batch of transactions or calls is refused, with one error for all of it
//   max-batch=N    so is one of more than N
//   refuses=HOW    every batch is: error: with one error for all of it; first: that goes to the first of its calls; status: with a
//                  status 400 (HTTP)
//   holds=MS       as a node that holds accounts and that anvil is not: personal_unlockAccount is answered with true; over a
//                  WebSocket an eth_sendTransaction waits until the one before has been answered, because anvil gives the same
//                  nonce to some of those that come at once; and a block is mined so often (by evm_mine), between two of them:
//                  of those that come while it mines anvil never mines some
//
// Commands are calls of their own:
//   proxy_spoil [{method, skip, times, raw | error | hush}…]: after `skip` calls of that method so many (without times: all) get the
//     text `raw`, ID in it being the id, or the JSON-RPC error `error`, and do not come to the node; with `hush` they come to it,
//     and nobody hears of its answer
//   proxy_cut []: ends all WebSockets; with [method]: as soon as the node has answered the next call of it, which is lost
//   proxy_messages []: what has come by: of each message the methods in it, with commas between them; in brackets for a batch
// Every WebSocket has one of its own to the node.
'use strict';
const http = require('http');
const { WebSocket, WebSocketServer } = require('ws');

const [target, port, ...options] = process.argv.slice(2);
const value_of = (name) => (options.find((o) => o.startsWith(name + '=')) || '').split('=')[1];
const refuses = value_of('refuses');
const maxBatch = options.includes('no-batches') ? 0 : Number(value_of('max-batch') || Infinity);
const holds = value_of('holds');
const agent = new http.Agent({ keepAlive: true });
const messages = [];
let rules = [];
let cutAfter = null;
let sockets;

// ---- what is answered here ----

function obey(request) {
  const params = request.params;
  switch (request.method) {
    case 'proxy_spoil': rules = params; return true;
    case 'proxy_messages': return messages;
    case 'proxy_cut':
      if (params.length > 0) cutAfter = params[0];
      else sockets.clients.forEach((ws) => ws.terminate());
      return true;
  }
}

function rule_of(request) {
  const rule = rules.find((r) => r.method === request.method && r.times !== 0);
  if (rule && rule.skip > 0) {
    rule.skip--;
    return null;
  }
  if (rule && rule.times) rule.times--;
  return rule;
}

const envelope = (id, part) => JSON.stringify({ jsonrpc: '2.0', id, ...part });

// Of a batch: the refusal, or undefined.
function refusal(batch) {
  const error = { code: -32600, message: 'batch requests are not supported' };
  const isLoad = batch.some((request) => ['eth_sendRawTransaction', 'eth_call'].includes(request.method));
  if (refuses === 'first') return '[' + envelope(batch[0].id, { error }) + ']';
  if (refuses || (isLoad && maxBatch === 0)) return envelope(null, { error });
  if (!isLoad || batch.length <= maxBatch) return undefined;
  return envelope(null, { error: { code: -32005, message: 'batch of ' + batch.length + ' exceeds the limit of ' + maxBatch } });
}

// What the proxy itself says to a message: its answer and status (HTTP), or neither; {hush} where the node's is not to be heard.
function verdict(text) {
  const request = JSON.parse(text);
  const own = obey(request);
  if (own !== undefined) return { request, answer: envelope(request.id, { result: own }) };
  const methods = [].concat(request).map((one) => one.method).join(',');
  messages.push(Array.isArray(request) ? `[${methods}]` : methods);
  if (Array.isArray(request)) return { request, answer: refusal(request), status: refuses === 'status' ? 400 : 200 };
  if (holds && request.method === 'personal_unlockAccount') return { request, answer: envelope(request.id, { result: true }) };
  const rule = rule_of(request) || {};
  if (rule.hush) return { request, hush: true };
  if (rule.error) return { request, answer: envelope(request.id, { error: rule.error }) };
  return { request, answer: rule.raw && rule.raw.replace('ID', request.id) };
}

// ---- HTTP ----

function forward(text, done) {
  const up = http.request(target, { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, (response) => {
    let body = '';
    response.on('data', (data) => (body += data));
    response.on('end', () => done(body, response.statusCode));
  });
  up.on('error', () => done(null));
  up.end(text);
}

const server = http.createServer((request, response) => {
  let text = '';
  const say = (body, status) => (body === null ? request.socket.destroy()
    : response.writeHead(status || 200, { 'content-type': status === 400 ? 'text/plain' : 'application/json' })
      .end(status === 400 ? 'no batches' : body));
  request.on('data', (data) => (text += data));
  request.on('end', () => {
    const { answer, status, hush } = verdict(text);
    if (answer !== undefined) return say(answer, status);
    forward(text, hush ? () => {} : say);
  });
});

// ---- WebSocket ----

let turn = Promise.resolve(); // the end of what comes before the next eth_sendTransaction
if (holds) setInterval(() => {
  turn = turn.then(() => new Promise((resolve) => forward(envelope(1, { method: 'evm_mine', params: [] }), resolve)));
}, Number(holds));

sockets = new WebSocketServer({ server });
sockets.on('connection', (down) => {
  const up = new WebSocket(target.replace(/^http/, 'ws'));
  const ready = new Promise((resolve) => up.on('open', resolve));
  const hushed = new Set();
  const cutting = new Set();
  const held = new Map(); // by id: what is to be done when it has been answered
  up.on('message', (data) => {
    const text = data.toString();
    const { id } = hushed.size + cutting.size + held.size > 0 ? JSON.parse(text) : {};
    if (id !== undefined && cutting.has(id)) return sockets.clients.forEach((ws) => ws.terminate());
    if (id === undefined || !hushed.has(id)) down.send(text);
    if (held.has(id)) held.get(id)();
    held.delete(id);
  });
  up.on('close', () => down.terminate());
  up.on('error', () => down.terminate());
  down.on('error', () => {});
  down.on('close', () => up.terminate());
  down.on('message', async (data) => {
    const text = data.toString();
    const { request, answer, hush } = verdict(text);
    if (answer !== undefined) return down.send(answer);
    if (hush) hushed.add(request.id);
    if (cutAfter !== null && request.method === cutAfter) {
      cutAfter = null;
      cutting.add(request.id);
    }
    await ready;
    if (holds && request.method === 'eth_sendTransaction') {
      const before = turn;
      turn = new Promise((resolve) => held.set(request.id, resolve));
      await before;
    }
    up.send(text);
  });
});

server.listen(Number(port), '127.0.0.1');
