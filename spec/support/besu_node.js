// A stand-in for a Besu node with privacy, on ethers alone. usage: node besu_node.js PUBLIC-URL PRIVATE-URL CONFIG
//
// Two anvils are behind it: what is public goes to the one, where a marker transaction stands for each private one; what is private
// is executed in the other, when its marker is in a block and in the order of the markers, as Besu does. What a group has made is
// there for that group alone. CONFIG is JSON {key: of the node's enclave, keys: that it can reach, groups: {id: [key…]}, offchain:
// [id that was made before]}. HTTP and WebSocket on one port; prints "listening PORT".
//
//   test_fault(name, n, after)   lose: n private receipts are null; low, chain: n transactions are refused for their nonce or chain;
//                                drop: n connections are cut when a private transaction comes; behind so many that are not
//   test_seen()                  what was accepted: [{raw, from, nonce, chain, gas, gasPrice, restriction, group}]
'use strict';
const http = require('http');
const ethers = require('ethers');
const { WebSocket, WebSocketServer } = require('ws');

const [publicUrl, privateUrl, text] = process.argv.slice(2);
const config = JSON.parse(text);
const counts = {}, owners = {}, receipts = {}, seen = [], faults = {};
let markers = [], settling = Promise.resolve(), accepting = Promise.resolve();

class Refusal extends Error {
  constructor(code, message, data) {
    super(message);
    this.error = { code, message, data };
  }
}

async function ask(url, body) {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  return answer.json();
}

async function rpc(url, method, ...params) {
  const answer = await ask(url, { jsonrpc: '2.0', id: 1, method, params });
  if (answer.error) throw new Refusal(answer.error.code, answer.error.message, answer.error.data);
  return answer.result;
}

const base64 = (hex) => Buffer.from(hex.slice(2), 'hex').toString('base64');
const number = (hex) => (hex === '0x' ? 0 : Number(hex));
const same = (a, b) => [...a].sort().join() === [...b].sort().join();

function strikes(name) {
  const fault = faults[name];
  if (!fault || fault.after-- > 0) return false;
  return fault.n-- > 0;
}

// Signed are the twelve items with the chain id, 0 and 0 in the place of v, r and s.
function decode(raw) {
  const items = ethers.decodeRlp(raw.startsWith('0x') ? raw : '0x' + raw);
  if (items.length !== 12) throw new Error('not twelve items');
  const v = number(items[6]), chain = Math.floor((v - 35) / 2);
  const digest = ethers.keccak256(ethers.encodeRlp([...items.slice(0, 6), ethers.toBeArray(chain), '0x', '0x', ...items.slice(9)]));
  const signature = { r: ethers.zeroPadValue(items[7], 32), s: ethers.zeroPadValue(items[8], 32), yParity: (v - 35) % 2 };
  return {
    raw, chain, from: ethers.recoverAddress(digest, signature), nonce: number(items[0]), gasPrice: number(items[1]), gas: number(items[2]),
    to: items[3], value: number(items[4]), data: items[5], privateFrom: base64(items[9]),
    privateFor: Array.isArray(items[10]) ? items[10].map(base64) : null, groupId: Array.isArray(items[10]) ? null : base64(items[10]),
    restriction: ethers.toUtf8String(items[11]),
  };
}

function group_of(tx) {
  if (tx.groupId) {
    if (!config.offchain.includes(tx.groupId)) throw new Refusal(-50100, 'Offchain Privacy group does not exist.');
    return tx.groupId;
  }
  if (!tx.privateFor.every((key) => config.keys.includes(key))) throw new Refusal(-50200, 'NodeMissingPeerUrl');
  return Object.keys(config.groups).find((id) => same(config.groups[id], [tx.privateFrom, ...tx.privateFor]));
}

const count = (from, group) => counts[from.toLowerCase() + group] || 0;

async function accept_now(raw) {
  let tx;
  try {
    tx = decode(raw);
  } catch {
    throw new Refusal(-50100, 'Unable to decode the private signed raw transaction');
  }
  if (tx.restriction !== 'restricted') throw new Refusal(-50100, 'Unsupported private transaction type');
  if (tx.value) throw new Refusal(-50100, 'We cannot transfer ether in a private transaction yet.');
  if (tx.chain !== Number(await rpc(publicUrl, 'eth_chainId')) || strikes('chain')) throw new Refusal(-32000, 'Wrong chainId');
  if (tx.privateFrom !== config.key) throw new Refusal(-50100, 'Private from does not match enclave public key');
  tx.group = group_of(tx);
  if (tx.nonce < count(tx.from, tx.group) || strikes('low')) throw new Refusal(-50100, 'Private transaction nonce too low');
  const [from] = await rpc(publicUrl, 'eth_accounts');
  const data = ethers.keccak256(raw);
  const hash = await rpc(publicUrl, 'eth_sendTransaction', { from, to: '0x000000000000000000000000000000000000007e', data, gas: '0x30d40' });
  markers.push({ hash, tx });
  const { raw: sent, from: sender, nonce, chain, gas, gasPrice, restriction, group } = tx;
  seen.push({ raw: sent, from: sender, nonce, chain, gas, gasPrice, restriction, group });
  return hash;
}

// One after the other, in the order in which they come.
function accept(raw) {
  const accepted = accepting.then(() => accept_now(raw));
  accepting = accepted.catch(() => {});
  return accepted;
}

const visible = (address, group) => owners[address.toLowerCase()] === group;

// A node that mines at once has the receipt a little later.
async function receipt_of(hash) {
  for (;;) {
    const receipt = await rpc(privateUrl, 'eth_getTransactionReceipt', hash);
    if (receipt) return receipt;
    await new Promise((done) => setTimeout(done, 2));
  }
}

// Besu keeps no state of what fails: its nonce is the next one still.
async function execute({ tx }, marker) {
  const result = { transactionHash: marker.transactionHash, blockNumber: marker.blockNumber, from: tx.from, status: '0x0', output: '0x',
    contractAddress: null, logs: [] };
  const creates = tx.to === '0x';
  if (tx.nonce !== count(tx.from, tx.group) || (!creates && !visible(tx.to, tx.group))) return result;
  const call = { from: tx.from, data: tx.data, gas: ethers.toQuantity(tx.gas), gasPrice: '0x0', ...(creates ? {} : { to: tx.to }) };
  try {
    result.output = await rpc(privateUrl, 'eth_call', call, 'latest');
  } catch (e) {
    if (typeof e.error.data === 'string') result.revertReason = e.error.data;
    return result;
  }
  const receipt = await receipt_of(await rpc(privateUrl, 'eth_sendTransaction', call));
  if (receipt.status !== '0x1') return result;
  counts[tx.from.toLowerCase() + tx.group] = tx.nonce + 1;
  if (creates) owners[receipt.contractAddress.toLowerCase()] = tx.group;
  return { ...result, status: '0x1', contractAddress: creates ? receipt.contractAddress : null };
}

async function settle_now() {
  const waiting = await Promise.all(markers.map(async (one) => [one, await rpc(publicUrl, 'eth_getTransactionReceipt', one.hash)]));
  const mined = waiting.filter(([, receipt]) => receipt);
  mined.sort(([, a], [, b]) => a.blockNumber - b.blockNumber || a.transactionIndex - b.transactionIndex);
  for (const [one, receipt] of mined) {
    receipts[one.hash] = await execute(one, receipt);
    markers = markers.filter((other) => other !== one);
  }
}

function settle() {
  settling = settling.then(settle_now);
  return settling;
}

const methods = {
  eea_sendRawTransaction: accept,
  priv_getTransactionCount: async (address, group) => {
    await settle();
    return ethers.toQuantity(count(address, group));
  },
  priv_getTransactionReceipt: async (hash) => {
    await settle();
    return strikes('lose') ? null : receipts[hash] || null;
  },
  priv_getCode: async (group, address) => (visible(address, group) ? rpc(privateUrl, 'eth_getCode', address, 'latest') : '0x'),
  priv_call: async (group, call) => {
    await settle();
    if (!visible(call.to, group)) return '0x';
    try {
      return await rpc(privateUrl, 'eth_call', call, 'latest');
    } catch (e) {
      throw new Refusal(-32000, 'Execution reverted', e.error.data);
    }
  },
  test_fault: async (name, n, after) => (faults[name] = { n, after: after || 0 }),
  test_seen: async () => seen,
};

async function own(request) {
  try {
    return { jsonrpc: '2.0', id: request.id, result: await methods[request.method](...(request.params || [])) };
  } catch (e) {
    return { jsonrpc: '2.0', id: request.id, error: e.error || { code: -32603, message: String(e) } };
  }
}

const one = (request) => (methods[request.method] ? own(request) : ask(publicUrl, request));
const answer = (request) => (Array.isArray(request) ? Promise.all(request.map(one)) : one(request));
const is_cut = (body) => body.includes('eea_sendRawTransaction') && strikes('drop');

const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (data) => (body += data));
  request.on('end', async () => {
    if (is_cut(body)) return request.socket.destroy();
    const json = JSON.stringify(await answer(JSON.parse(body)));
    response.writeHead(200, { 'content-type': 'application/json' }).end(json);
  });
});

// Subscriptions are of the connection, so there is one to the public chain for each of ours.
new WebSocketServer({ server }).on('connection', (client) => {
  const chain = new WebSocket(publicUrl.replace('http', 'ws'));
  const open = new Promise((done) => chain.on('open', done));
  chain.on('message', (data) => client.send(String(data)));
  client.on('close', () => chain.terminate());
  client.on('error', () => {});
  client.on('message', async (data) => {
    const request = JSON.parse(data);
    if (is_cut(String(data))) return client.terminate();
    await open;
    if (!Array.isArray(request) && !methods[request.method]) return chain.send(String(data));
    client.send(JSON.stringify(await answer(request)));
  });
});

rpc(privateUrl, 'anvil_autoImpersonateAccount', true)
  .then(() => server.listen(0, '127.0.0.1', () => console.log('listening ' + server.address().port)));
