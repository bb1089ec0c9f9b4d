// Stands between a JSON-RPC client and a node, over HTTP and WebSocket, and notes what comes by.
// usage: node rpc_proxy.js PORT LOG [OPTION…]; prints "listening PORT". LOG gets a line for each message: the methods in it,
// with commas between them; in brackets for a batch.
//
//   no-batches     a batch of transactions or calls is refused, with one error for all of it
//   max-batch=N    so is one of more than N
//   refuses=HOW    every batch is: by error: that error; status: a status 400 (HTTP); first: the error goes to the first of its calls
//   holds          as a node that holds accounts and that anvil is not: personal_unlockAccount is answered with true, and over a
//                  WebSocket an eth_sendTransaction waits until the one before has been answered: anvil gives the same nonce to
//                  some of those that come at once
'use strict';
const fs = require('fs');
const http = require('http');
const { WebSocket, WebSocketServer } = require('ws');

const [target, log, ...options] = process.argv.slice(2);
const max_batch = options.includes('no-batches') ? 0 : Number((options.find((o) => o.startsWith('max-batch=')) || '=Infinity').split('=')[1]);
const refuses = (options.find((o) => o.startsWith('refuses=')) || '=').split('=')[1];
const holds = options.includes('holds');
const agent = new http.Agent({ keepAlive: true });

function note(message) {
  const list = [].concat(message).map((request) => request.method).join(',');
  fs.appendFileSync(log, (Array.isArray(message) ? `[${list}]` : list) + '\n');
}

function is_load(message) {
  return Array.isArray(message) && message.some((request) => ['eth_sendRawTransaction', 'eth_call'].includes(request.method));
}

// What is answered here, or undefined.
function own_answer(message) {
  if (refuses && Array.isArray(message)) {
    const answer = { jsonrpc: '2.0', id: null, error: { code: -32600, message: 'batch requests are not supported' } };
    return JSON.stringify(refuses === 'first' ? [{ ...answer, id: message[0].id }] : answer);
  }
  if (is_load(message) && message.length > max_batch) {
    const error = max_batch === 0 ? { code: -32600, message: 'batch requests are not supported' }
      : { code: -32005, message: 'batch of ' + message.length + ' exceeds the limit of ' + max_batch };
    return JSON.stringify({ jsonrpc: '2.0', id: null, error });
  }
  if (holds && message.method === 'personal_unlockAccount') {
    return JSON.stringify({ jsonrpc: '2.0', id: message.id, result: true });
  }
  return undefined;
}

const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (part) => { body += part; });
  request.on('end', () => {
    const message = JSON.parse(body);
    note(message);
    const own = own_answer(message);
    if (own && refuses === 'status') return response.writeHead(400, { 'Content-Type': 'text/plain' }).end('no batches');
    if (own) return response.end(own);
    const forward = http.request({ port: target, host: '127.0.0.1', agent, method: 'POST', headers: { 'Content-Type': 'application/json' } }, (answer) => {
      response.writeHead(answer.statusCode, { 'Content-Type': 'application/json' });
      answer.pipe(response);
    });
    forward.on('error', () => response.destroy());
    return forward.end(body);
  });
});

new WebSocketServer({ server }).on('connection', (client) => {
  const node = new WebSocket('ws://127.0.0.1:' + target);
  const ready = new Promise((resolve) => node.on('open', resolve));
  const answered = new Map(); // by id
  let turn = Promise.resolve();
  node.on('message', (data) => {
    const text = data.toString();
    client.send(text);
    if (answered.size) {
      const id = JSON.parse(text).id;
      if (answered.has(id)) answered.get(id)();
      answered.delete(id);
    }
  });
  for (const [one, other] of [[node, client], [client, node]]) {
    one.on('close', () => other.terminate());
    one.on('error', () => other.terminate());
  }
  client.on('message', async (data) => {
    const message = JSON.parse(data);
    note(message);
    const own = own_answer(message);
    if (own) return client.send(own);
    await ready;
    if (!holds || message.method !== 'eth_sendTransaction') return node.send(data.toString());
    const before = turn;
    turn = new Promise((resolve) => answered.set(message.id, resolve));
    await before;
    return node.send(data.toString());
  });
});

server.listen(0, '127.0.0.1', () => console.log('listening ' + server.address().port));
