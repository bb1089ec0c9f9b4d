-- Runs the network file's end command, also after failures and after Ctrl-C.
return require("vernier.command").stage("end-command")
