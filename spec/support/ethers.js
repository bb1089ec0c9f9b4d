// ethers 6 as the witness of what vernier writes for Ethereum, and as the source of what it reads.
//
//   node ethers.js hashes N                 the Keccak-256 of i & 255 for i < n, for all n < N
//   node ethers.js read < LIST              raw transactions; prints the fields and the sender that ethers sees in each
//   node ethers.js sign KEY < LIST          fields of transactions (integers as text); prints {raw, hash} of each
//   node ethers.js encode < LIST            [{types, values}…]; prints the encoding of each
//   node ethers.js private < LIST           raw private transactions; prints the sender by the rule of 12 fields, and the items
'use strict';
const fs = require('fs');
const path = require('path');
const ethers = require(path.join(__dirname, '..', 'node_modules', 'ethers'));

const stdin = () => JSON.parse(fs.readFileSync(0, 'utf8'));
const text = (n) => (n === null || n === undefined ? null : n.toString());

function seen(raw) {
  const tx = ethers.Transaction.from(raw);
  return {
    type: tx.type, from: tx.from, to: tx.to, hash: tx.hash, data: tx.data, nonce: text(tx.nonce), gas: text(tx.gasLimit), value: text(tx.value),
    chainId: text(tx.chainId), gasPrice: text(tx.gasPrice), maxFeePerGas: text(tx.maxFeePerGas),
    maxPriorityFeePerGas: text(tx.maxPriorityFeePerGas), accessList: tx.accessList || [], r: tx.signature.r, s: tx.signature.s,
  };
}

function signed(fields, key) {
  const tx = ethers.Transaction.from(fields);
  tx.signature = key.sign(tx.unsignedHash);
  return { raw: tx.serialized, hash: tx.hash };
}

// Signed are the items with the chain id, 0 and 0 in the place of v, r and s.
function private_sender(raw) {
  const items = ethers.decodeRlp(raw);
  const v = Number(items[6]);
  const chain = Math.floor((v - 35) / 2);
  const plain = [...items.slice(0, 6), ethers.toBeArray(chain), '0x', '0x', ...items.slice(9)];
  const digest = ethers.keccak256(ethers.encodeRlp(plain));
  const signature = { r: ethers.zeroPadValue(items[7], 32), s: ethers.zeroPadValue(items[8], 32), yParity: (v - 35) % 2 };
  return { from: ethers.recoverAddress(digest, signature), chain, items: items.length };
}

const commands = {
  hashes: (n) => Array.from({ length: Number(n) }, (_, len) => ethers.keccak256(Uint8Array.from({ length: len }, (__, i) => i & 255))),
  read: () => stdin().map(seen),
  sign: (key) => stdin().map((fields) => signed(fields, new ethers.SigningKey(key))),
  encode: () => stdin().map(({ types, values }) => ethers.AbiCoder.defaultAbiCoder().encode(types, values)),
  private: () => stdin().map(private_sender),
};

process.stdout.write(JSON.stringify(commands[process.argv[2]](...process.argv.slice(3))) + '\n');
