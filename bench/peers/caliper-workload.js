'use strict';
// The smallest workload for Caliper.
const { WorkloadModuleBase } = require('@hyperledger/caliper-core');

class Trivial extends WorkloadModuleBase {
  async submitTransaction() { await this.sutAdapter.sendRequests({ contractId: 'noop' }); }
}

module.exports.createWorkloadModule = () => new Trivial();
