// SPDX-License-Identifier: Apache-2.0
// Accounts by name with money in them: what the workload "simple" opens, queries and transfers between.
pragma solidity ^0.8.0;

contract Simple {
    mapping(string => int256) private balances;

    function open(string calldata account, int256 money) external {
        balances[account] = money;
    }

    function query(string calldata account) external view returns (int256 money) {
        return balances[account];
    }

    function transfer(string calldata from, string calldata to, int256 money) external {
        balances[from] -= money;
        balances[to] += money;
    }
}
