-- The command line's entry.
require("vernier.core.compiler").be_patient()

return require("vernier.cli").main
