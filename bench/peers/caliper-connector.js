'use strict';
// A connector for Caliper that answers at once: what it measures is Caliper.
const { ConnectorBase, TxStatus } = require('@hyperledger/caliper-core');

class Noop extends ConnectorBase {
  async init() {}
  async installSmartContract() {}
  async prepareWorkerArguments(number) { return Array(number).fill({}); }
  async getContext() { return {}; }
  async releaseContext() {}
  async _sendSingleRequest() {
    const status = new TxStatus();
    status.SetStatusSuccess();
    return status;
  }
}

module.exports.ConnectorFactory = async (workerIndex) => new Noop(workerIndex, 'noop');
