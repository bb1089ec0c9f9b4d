// What a chain holds, as ethers sees it, which is not ours. usage: node chain_state.js URL CONTRACT-FILE ADDRESS [QUERY ARGUMENT]…
// Writes JSON: {methods: {name: {ok, reverted}}, transactions: {hash: {status, type, price}} of the contract,
// senders: {address: {sent, gap, pending}}, balances: {address: wei} of those who sent, blocks, queries: [text]}; `gap` tells whether
// the nonces of a sender's transactions are not 0, 1, 2 …, `pending` how many wait.
"use strict";
const fs = require("fs");
const { ethers } = require("ethers");

async function senders(provider, nonces) {
  const result = {};
  await Promise.all(Object.entries(nonces).map(async ([address, list]) => {
    list.sort((a, b) => a - b);
    const latest = await provider.getTransactionCount(address, "latest");
    const pending = await provider.getTransactionCount(address, "pending");
    const gap = list.some((nonce, i) => nonce !== i) || latest !== list.length;
    result[address] = { sent: list.length, gap, pending: pending - latest };
  }));
  return result;
}

// Many at once: ethers waits a while before each batch.
function all_blocks(provider, last) {
  return Promise.all(Array.from({ length: last + 1 }, (_, number) => provider.getBlock(number, true)));
}

async function main() {
  const [url, file, address, ...rest] = process.argv.slice(2);
  const provider = new ethers.JsonRpcProvider(url, undefined, { staticNetwork: true, batchMaxCount: 50 });
  const contract = new ethers.Contract(address, JSON.parse(fs.readFileSync(file, "utf8")).abi, provider);
  const blocks = await provider.getBlockNumber();
  const methods = {};
  const transactions = {};
  const nonces = {};
  const all = (await all_blocks(provider, blocks)).flatMap((block) => block.prefetchedTransactions);
  await Promise.all(all.map(async (tx) => {
    (nonces[tx.from] = nonces[tx.from] || []).push(tx.nonce);
    if (tx.to && tx.to.toLowerCase() === address.toLowerCase()) {
      const receipt = await provider.getTransactionReceipt(tx.hash);
      const name = contract.interface.parseTransaction(tx).name;
      methods[name] = methods[name] || { ok: 0, reverted: 0 };
      methods[name][receipt.status === 1 ? "ok" : "reverted"]++;
      transactions[tx.hash] = { status: receipt.status, type: tx.type, price: String(receipt.gasPrice) };
    }
  }));
  const queried = [];
  for (let i = 0; i < rest.length; i += 2) queried.push(contract[rest[i]](rest[i + 1]));
  const queries = (await Promise.all(queried)).map(String);
  const balances = {};
  for (const sender of Object.keys(nonces)) balances[sender] = String(await provider.getBalance(sender));
  console.log(JSON.stringify({ methods, transactions, senders: await senders(provider, nonces), balances, blocks, queries }));
  provider.destroy();
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
