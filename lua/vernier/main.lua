-- The command line's entry.
return require("vernier.cli").main
