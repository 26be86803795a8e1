// Where the shipped programs and their stand-ins are. NODE_PATH has the folder of the stand-ins, for `max-api`.

"use strict";

const path = require("path");

const root = path.join(__dirname, "..", "..", "plugin_host");
module.exports = {
  patchers: path.join(root, "scripts", "max", "Sideman", "patchers"),
  standins: path.join(root, "standins", "max"),
};
