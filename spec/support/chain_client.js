// A client of a chain that is not ours: sends money from an account of the wallet to itself, by ethers.
// usage: node chain_client.js URL MNEMONIC INDEX N [AHEAD]: N transactions, one after the other, with the account's next nonces, at
// a price that replaces nobody's; or one, at a high price, with a nonce that is so far AHEAD of the next. Where
// somebody else was faster it tries again.
'use strict';
const { ethers } = require('ethers');

const TAKEN = ['NONCE_EXPIRED', 'REPLACEMENT_UNDERPRICED'];

async function send(wallet, ahead) {
  const nonce = (await wallet.provider.getTransactionCount(wallet.address, 'pending')) + ahead;
  const { baseFeePerGas } = await wallet.provider.getBlock('latest');
  const price = ahead > 0 ? ethers.parseUnits('100', 'gwei') : (baseFeePerGas * 101n) / 100n;
  const { chainId } = await wallet.provider.getNetwork();
  const raw = await wallet.signTransaction({ type: 0, chainId, to: wallet.address, value: 1, nonce, gasLimit: 21000, gasPrice: price });
  try {
    return await wallet.provider.send('eth_sendRawTransaction', [raw]);
  } catch (e) {
    if (!TAKEN.includes(e.code) && !/nonce too low/.test(e.message)) throw e;
    return send(wallet, ahead);
  }
}

async function main() {
  const [url, mnemonic, index, n, ahead] = process.argv.slice(2);
  const provider = new ethers.JsonRpcProvider(url, undefined, { staticNetwork: true });
  const wallet = ethers.HDNodeWallet.fromPhrase(mnemonic, '', `m/44'/60'/0'/0/${index}`).connect(provider);
  const hashes = [];
  for (let i = 0; i < Number(n); i++) hashes.push(await send(wallet, Number(ahead || 0)));
  console.log(JSON.stringify(hashes));
  provider.destroy();
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
