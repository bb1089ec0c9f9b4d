// SPDX-License-Identifier: Apache-2.0
// A token as ERC-20 has it, without allowances; all of it belongs to who deploys it.
pragma solidity ^0.8.0;

contract Token {
    error TooLittle(uint256 available, uint256 wanted);

    event Transfer(address indexed from, address indexed to, uint256 value);

    uint256 public immutable totalSupply;
    mapping(address => uint256) public balanceOf;

    constructor(uint256 supply) {
        totalSupply = supply;
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        uint256 available = balanceOf[msg.sender];
        if (available < value) {
            revert TooLittle(available, value);
        }
        balanceOf[msg.sender] = available - value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }
}
