-- Lets the connectors prepare the SUT: their setup hook, on the manager.
return require("vernier.stage.connector").stage("setup")
