// Stands between a client and an Ethereum node, over HTTP and WebSocket, and spoils what it is told to.
// usage: node chain_proxy.js NODE-URL [PORT]; prints "listening PORT".
//
// Commands are calls of their own:
//   proxy_spoil [{method, skip, times, raw | error | hush}…]: after `skip` calls of that method so many (without times: all) get the
//     text `raw`, ID in it being the id, or the JSON-RPC error `error`, and do not come to the node; with `hush` they come to it,
//     and nobody hears of its answer
//   proxy_cut []: ends all WebSockets; with [method]: as soon as the node has answered the next call of it, which is lost
//   proxy_seen [method]: how many calls of that method there have been
// Every WebSocket has one of its own to the node.
'use strict';
const http = require('http');
const { WebSocket, WebSocketServer } = require('ws');

const target = process.argv[2];
const agent = new http.Agent({ keepAlive: true });
const seen = {};
let rules = [];
let cutAfter = null;
let sockets;

function obey(request) {
  const params = request.params;
  switch (request.method) {
    case 'proxy_spoil': rules = params; return true;
    case 'proxy_seen': return seen[params[0]] || 0;
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

const envelope = (request, part) => JSON.stringify({ jsonrpc: '2.0', id: request.id, ...part });

// What the proxy itself says to a call, or undefined; {hush} where the node's answer is not to be heard.
function verdict(text) {
  const request = JSON.parse(text);
  for (const one of [].concat(request)) seen[one.method] = (seen[one.method] || 0) + 1;
  if (Array.isArray(request)) return { request };
  const own = obey(request);
  if (own !== undefined) return { request, answer: envelope(request, { result: own }) };
  const rule = rule_of(request) || {};
  if (rule.hush) return { request, hush: true };
  if (rule.error) return { request, answer: envelope(request, { error: rule.error }) };
  return { request, answer: rule.raw && rule.raw.replace('ID', request.id) };
}

// ---- HTTP ----

function forward(text, done) {
  const up = http.request(target, { method: 'POST', agent, headers: { 'content-type': 'application/json' } }, (response) => {
    let body = '';
    response.on('data', (data) => (body += data));
    response.on('end', () => done(body));
  });
  up.on('error', () => done(null));
  up.end(text);
}

const server = http.createServer((request, response) => {
  let text = '';
  const say = (body) => (body === null ? request.socket.destroy()
    : response.writeHead(200, { 'content-type': 'application/json' }).end(body));
  request.on('data', (data) => (text += data));
  request.on('end', () => {
    const { answer, hush } = verdict(text);
    if (answer !== undefined) return say(answer);
    forward(text, hush ? () => {} : say);
  });
});

// ---- WebSocket ----

sockets = new WebSocketServer({ server });
sockets.on('connection', (down) => {
  const up = new WebSocket(target.replace(/^http/, 'ws'));
  const hushed = new Set();
  const cutting = new Set();
  const waiting = [];
  up.on('open', () => waiting.splice(0).forEach((text) => up.send(text)));
  up.on('message', (data) => {
    const { id } = JSON.parse(data);
    if (id !== undefined && cutting.has(id)) return sockets.clients.forEach((ws) => ws.terminate());
    if (id === undefined || !hushed.has(id)) down.send(data.toString());
  });
  up.on('close', () => down.terminate());
  up.on('error', () => down.terminate());
  down.on('error', () => {});
  down.on('close', () => up.terminate());
  down.on('message', (data) => {
    const text = data.toString();
    const { request, answer, hush } = verdict(text);
    if (answer !== undefined) return down.send(answer);
    if (hush) hushed.add(request.id);
    if (cutAfter !== null && request.method === cutAfter) {
      cutAfter = null;
      cutting.add(request.id);
    }
    if (up.readyState === WebSocket.OPEN) up.send(text);
    else waiting.push(text);
  });
});

server.listen(Number(process.argv[3] || 0), '127.0.0.1', () => console.log('listening ' + server.address().port));
