-- Runs the network file's start command and awaits its exit; what it leaves behind is the end command's business.
return require("vernier.stage.command").stage("start-command")
