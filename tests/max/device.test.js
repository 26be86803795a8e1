// The whole device against a daemon of sockets: what goes over the wire, and rubbish that comes over it.

"use strict";

const assert = require("node:assert/strict");
const dgram = require("dgram");
const path = require("path");
const { test } = require("node:test");
const { patchers, standins } = require("./where.js");
const { LiveSet } = require(path.join(standins, "live-set.js"));
const osc = require(path.join(patchers, "sideman-osc.js"));
const { device, until } = require("./device.js");

test("a session of the device", async () => {
  const daemon = dgram.createSocket("udp4");
  await new Promise((done) => daemon.bind(0, "127.0.0.1", done));
  const heard = [];
  let peer = null;
  daemon.on("message", (bytes, sender) => {
    peer = sender;
    heard.push(osc.decode(bytes));
  });
  const say = (address, tags, args) => daemon.send(osc.encode(address, tags, args), peer.port, peer.address);
  const has = (address) => heard.some((message) => message.address === address);

  const set = new LiveSet();
  set.files.add("/clips/a.wav");
  const one = device(set, `127.0.0.1:${daemon.address().port}`);
  const { standin } = one;
  try {
    await until(one, () => has("/sideman/daw"));
    daemon.send(Buffer.from("rubbish"), peer.port, peer.address);
    say("/sideman/place", "i", [1]);
    say("/sideman/hosting", "si", ["run-1", 1]);
    await until(one, () => has("/sideman/tempo") && has("/sideman/subscribe"));
    standin.deliver("prompt", "bossa nova, nylon guitar");
    standin.deliver("generate");
    await until(one, () => has("/sideman/generate"));
    const asked = heard.find(({ address }) => address === "/sideman/prompt");
    assert.deepEqual(asked.args, ["bossa nova, nylon guitar"]);
    say("/sideman/progress", "sf", ["one", 0.5]);
    say("/sideman/place", "isissffffiii", [1, "one", 0, "/clips/a.wav", "", 0, 16, 8, 120, 4, 4, 0]);
    await until(one, () => has("/sideman/place/done"));
    assert.deepEqual(heard.find(({ address }) => address === "/sideman/place/done").args, [1, "track Sideman, slot 1"]);
    assert.ok(standin.outlets.some(([selector, share]) => selector === "progress" && share === 0.5));
    standin.deliver("daemon", "nonsense");
    assert.match(standin.outlets[standin.outlets.length - 1][1], /is no address/);
    assert.deepEqual(set.errors, []);
    assert.deepEqual(standin.posts, []);
  } finally {
    one.close();
    await until(one, () => has("/sideman/daw/bye"));
    daemon.close();
  }
});
