// Compiles Solidity files to contract files {name, abi, bytecode, gas} for the network file. usage: node compile.js OUT FILE.sol…
"use strict";
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const GAS = 3000000; // limit of the deployment

const [out, ...files] = process.argv.slice(2);
const sources = {};
for (const file of files) {
  sources[path.basename(file)] = { content: fs.readFileSync(file, "utf8") };
}
const settings = { evmVersion: "paris", optimizer: { enabled: true }, outputSelection: { "*": { "*": ["abi", "evm.bytecode.object"] } } };
const compiled = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
const errors = (compiled.errors || []).filter((e) => e.severity === "error");
if (errors.length > 0) {
  console.error(errors.map((e) => e.formattedMessage).join("\n"));
  process.exit(1);
}
for (const contracts of Object.values(compiled.contracts)) {
  for (const [name, contract] of Object.entries(contracts)) {
    const file = { name, abi: contract.abi, bytecode: "0x" + contract.evm.bytecode.object, gas: GAS };
    fs.writeFileSync(path.join(out, name + ".json"), JSON.stringify(file, null, 2) + "\n");
  }
}
