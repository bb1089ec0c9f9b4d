-- Runs the network file's end command, also after failures and after Ctrl-C.
return require("vernier.stage.command").stage("end-command")
