// Every way for a call to fail.
pragma solidity ^0.8.0;

contract Reverts {
    error Broken(uint256 code, string text);

    uint256[] private values;

    function withReason() external pure {
        revert("no luck");
    }

    function withCustom() external pure {
        revert Broken(7, "seven");
    }

    function withPanic(uint256 i) external view returns (uint256) {
        return values[i];
    }

    function withNothing() external pure {
        revert();
    }

    function fine() external {
        values.push(1);
    }
}
