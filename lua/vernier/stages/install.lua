-- Lets the connectors deploy what the workload needs (contracts, schemas): their install hook, on the manager.
return require("vernier.stage.connector").stage("install")
