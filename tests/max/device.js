// The whole device: the shipped programs wired as Sideman.maxpat wires them, in the stand-ins for Max and Live.

"use strict";

const path = require("path");
const { patchers, standins } = require("./where.js");
const { JsObject } = require(path.join(standins, "js-object.js"));

function device(set, address) {
  const { standin } = require("max-api");
  const js = new JsObject(path.join(patchers, "sideman_live.js"), set);
  standin.events.on("outlet", ([selector, ...atoms]) => {
    if (selector === "live") {
      js.send(...atoms);
    }
  });
  js.onOutlet = (atoms) => standin.deliver(...atoms);
  const program = require(path.join(patchers, "sideman-node.js"));
  standin.deliver("daemon", address);
  js.send("bang");
  return { js, standin, close: () => program.close() };
}

// Let the device run, ten times as fast as in life, until something is true.
async function until(one, true_, withinMs = 30000) {
  const deadline = Date.now() + withinMs;
  while (!true_()) {
    if (Date.now() > deadline) {
      throw new Error(`not within ${withinMs} ms: ${JSON.stringify(one.standin.outlets.slice(-10))}`);
    }
    one.js.run();
    await new Promise((done) => setTimeout(done, 10));
  }
}

module.exports = { device, until };
