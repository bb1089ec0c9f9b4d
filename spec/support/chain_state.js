// What a chain holds, as ethers sees it, which is not ours. usage: node chain_state.js URL CONTRACT-FILE ADDRESS [QUERY ARGUMENT]…
// Writes JSON: {methods: {name: {ok, reverted}}, senders: {address: {sent, gap, pending}}, blocks, queries: [text]}; `gap` tells
// whether the nonces of a sender's transactions are not 0, 1, 2 …, `pending` how many wait.
"use strict";
const fs = require("fs");
const { ethers } = require("ethers");

async function senders(provider, nonces) {
  const result = {};
  for (const [address, list] of Object.entries(nonces)) {
    list.sort((a, b) => a - b);
    const latest = await provider.getTransactionCount(address, "latest");
    const pending = await provider.getTransactionCount(address, "pending");
    const gap = list.some((nonce, i) => nonce !== i) || latest !== list.length;
    result[address] = { sent: list.length, gap, pending: pending - latest };
  }
  return result;
}

async function main() {
  const [url, file, address, ...rest] = process.argv.slice(2);
  const provider = new ethers.JsonRpcProvider(url, undefined, { staticNetwork: true, batchMaxCount: 50 });
  const contract = new ethers.Contract(address, JSON.parse(fs.readFileSync(file, "utf8")).abi, provider);
  const blocks = await provider.getBlockNumber();
  const methods = {};
  const nonces = {};
  for (let number = 0; number <= blocks; number++) {
    const block = await provider.getBlock(number, true);
    await Promise.all(block.prefetchedTransactions.map(async (tx) => {
      (nonces[tx.from] = nonces[tx.from] || []).push(tx.nonce);
      if (tx.to && tx.to.toLowerCase() === address.toLowerCase()) {
        const receipt = await provider.getTransactionReceipt(tx.hash);
        const name = contract.interface.parseTransaction(tx).name;
        methods[name] = methods[name] || { ok: 0, reverted: 0 };
        methods[name][receipt.status === 1 ? "ok" : "reverted"]++;
      }
    }));
  }
  const queries = [];
  for (let i = 0; i < rest.length; i += 2) {
    queries.push(String(await contract[rest[i]](rest[i + 1])));
  }
  console.log(JSON.stringify({ methods, senders: await senders(provider, nonces), blocks, queries }));
  provider.destroy();
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
