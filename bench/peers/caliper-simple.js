'use strict';
// Opens accounts of the contract "simple", or asks for one: the same requests as vernier's workload "simple".
const { WorkloadModuleBase } = require('@hyperledger/caliper-core');

class Simple extends WorkloadModuleBase {
  async submitTransaction() {
    const query = this.roundArguments.query;
    this.index = (this.index || 0) + 1;
    await this.sutAdapter.sendRequests({ contract: 'simple', verb: query ? 'query' : 'open', readOnly: Boolean(query),
      args: query ? ['account-1'] : ['account-' + this.index, 10000] });
  }
}

module.exports.createWorkloadModule = () => new Simple();
