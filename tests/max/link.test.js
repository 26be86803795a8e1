// What the device says to a daemon and makes of its answers, with time passed in.

"use strict";

const assert = require("node:assert/strict");
const path = require("path");
const { test } = require("node:test");
const { COMMANDS, GREET_MS, Link, SILENCE_MS, parseTarget } = require(
  path.join(require("./where.js").patchers, "sideman-link.js"),
);

const OFFER = [7, "one", 0, "/clips/sideman one.wav", "slots:Keys", 0, 16, 8, 120, 4, 4, 0];

function bench() {
  const bench = { now: 0, sent: [], shown: [] };
  bench.link = new Link({
    send: (address, tags, args) => bench.sent.push([address, tags, args]),
    out: (...atoms) => bench.shown.push(atoms),
    clock: () => bench.now,
    spellings: (file) => ["/Volumes/Disk" + file, file],
  });
  bench.addresses = () => bench.sent.map(([address]) => address);
  bench.take = () => bench.sent.splice(0);
  return bench;
}

function served() {
  const one = bench();
  one.link.live(1);
  one.link.tick();
  one.link.heard("/sideman/hosting", ["run-1", 1]);
  one.take();
  one.shown.length = 0;
  return one;
}

test("in Live it greets every two seconds and tells everything when it is served", () => {
  const one = bench();
  one.link.live(1);
  one.link.tick();
  assert.deepEqual(one.take(), [["/sideman/daw", "ss", ["Max for Live", "2"]]]);
  one.now += GREET_MS - 1;
  one.link.tick();
  assert.deepEqual(one.take(), []);
  one.link.heard("/sideman/hosting", ["run-1", 1]);
  assert.deepEqual(one.take(), [["/sideman/subscribe", "", []]]);
  assert.deepEqual(one.shown.slice(-1), [["live", "tell_all"]]);
  assert.deepEqual(one.shown[0], ["connected", 1]);
  one.link.heard("/sideman/hosting", ["run-1", 1]);
  assert.deepEqual(one.take(), []);
  one.link.heard("/sideman/hosting", ["run-2", 1]);
  assert.deepEqual(one.addresses(), ["/sideman/subscribe"]);
});

test("without Live it takes no clips, and asks all the same", () => {
  const one = bench();
  one.link.live(0);
  one.link.tick();
  one.link.heard("/sideman/pong", ["0.1.0"]);
  assert.deepEqual(one.addresses(), ["/sideman/ping", "/sideman/subscribe"]);
  one.link.heard("/sideman/place", OFFER);
  assert.ok(!one.shown.some(([selector]) => selector === "live"));
});

test("nothing of the set is told before it is served, and nothing but the daemon's addresses", () => {
  const one = bench();
  one.link.tell("/sideman/tempo", "f", 120);
  assert.deepEqual(one.take(), []);
  const two = served();
  two.link.tell("/sideman/tempo", "f", 120);
  two.link.tell("/other", "f", 120);
  assert.deepEqual(two.take(), [["/sideman/tempo", "f", [120]]]);
});

test("a daemon that falls silent is said once, and one that comes back is connected", () => {
  const one = served();
  one.now += SILENCE_MS + 1;
  one.link.tick();
  one.link.tick();
  assert.deepEqual(one.shown, [["status", "The daemon does not answer any more."], ["connected", 0]]);
  one.link.heard("/sideman/hosting", ["run-1", 1]);
  assert.deepEqual(one.shown.slice(-1), [["live", "tell_all"]]);
});

test("a second DAW is told so once, and tells nothing", () => {
  const one = served();
  for (let round = 0; round < 3; round += 1) {
    one.link.heard("/sideman/error", ["", "daw_taken", "Ableton Live is connected already."]);
  }
  assert.deepEqual(one.shown, [["connected", 0], ["status", "Ableton Live is connected already."]]);
  one.link.tell("/sideman/tempo", "f", 120);
  one.link.heard("/sideman/place", OFFER);
  assert.deepEqual(one.take(), []);
});

test("an offer is placed once and answered as often as it comes", () => {
  const one = served();
  one.link.heard("/sideman/place", OFFER);
  one.link.heard("/sideman/place", [...OFFER.slice(0, 11), 1]);
  assert.deepEqual(one.shown, [
    ["live", "place", 7, "sideman one", "slots", "Keys", 0, 16, 120, 1, 0, "/Volumes/Disk/clips/sideman one.wav",
      "/clips/sideman one.wav"],
  ]);
  one.link.placed(7, "track Keys,", "slot 1");
  one.link.placed(7, "again");
  one.link.heard("/sideman/place", OFFER);
  const answer = ["/sideman/place/done", "is", [7, "track Keys, slot 1"]];
  assert.deepEqual(one.take(), [answer, answer]);
  one.link.heard("/sideman/place", [8, ...OFFER.slice(1)]);
  one.link.failed(8, "The track is frozen.");
  assert.deepEqual(one.take(), [["/sideman/place/failed", "is", [8, "The track is frozen."]]]);
});

test("the object that places is told first which draft a clip replaces", () => {
  const one = served();
  one.link.heard("/sideman/place", [...OFFER, "/clips/the draft.wav"]);
  assert.deepEqual(one.shown.map((atoms) => atoms.slice(1, 4)), [
    ["instead", 7, "the draft"],
    ["place", 7, "sideman one"],
  ]);
  one.link.heard("/sideman/place", [8, ...OFFER.slice(1), "/clips/the draft.wav", "more"]);
  assert.equal(one.shown.length, 2);
});

test("a clip in which the tempo changes is said to the object that places it", () => {
  const one = served();
  one.link.heard("/sideman/place", [9, "one", 0, "/a.wav", ":Keys", 0, 16, 9.5, 120, 4, 4, 0]);
  assert.equal(one.shown[0][9], 0);
});

test("an offer with other arguments, or of a number never offered, is passed over", () => {
  const one = served();
  one.link.heard("/sideman/place", OFFER.slice(1));
  one.link.placed(99, "nowhere");
  assert.deepEqual([one.shown, one.sent], [[], []]);
});

test("very many offers are remembered within a bound", () => {
  const one = served();
  for (let number = 1; number <= 3000; number += 1) {
    one.link.heard("/sideman/place", [number, ...OFFER.slice(1)]);
  }
  assert.ok(one.link.known.size <= 1024);
});

test("charts come note by note", () => {
  const one = served();
  one.link.chartBegins("chords", 8);
  one.link.note(57, 0, 4, 100);
  one.link.note(60, 1 / 3, 3.6666667, 100);
  one.link.chartEnds();
  one.link.chartBegins("drums", 4);
  one.link.note(36, 0.5, 0.25, 99.6);
  one.link.chartEnds();
  one.link.chartEnds();
  one.link.chartBegins("melody", 4);
  one.link.note(36, 0.5, 0.25, 99.6);
  one.link.chartEnds();
  assert.deepEqual(one.take(), [
    ["/sideman/chords/notes", "sf", ["57 0 4 60 0.333333 3.666667", 8]],
    ["/sideman/drums/notes", "ssf", ["36 0.5 100", "", 4]],
  ]);
});

test("a chart is bounded", () => {
  const one = served();
  one.link.chartBegins("chords", 8);
  for (let number = 0; number < 5000; number += 1) {
    one.link.note(60, number, 1, 100);
  }
  one.link.chartEnds();
  assert.equal(one.take()[0][2][0].split(" ").length, 3 * 2000);
});

test("commands are the daemon's addresses", () => {
  const one = served();
  one.link.command("prompt", "bossa", "nova,", 4, "bars");
  one.link.command("bars", 8);
  one.link.command("meter", 7, 8);
  one.link.command("meter", 7);
  one.link.command("generate", "bang");
  assert.equal(one.link.command("format_disk"), false);
  assert.deepEqual(one.take(), [
    ["/sideman/prompt", "s", ["bossa nova, 4 bars"]],
    ["/sideman/bars", "i", [8]],
    ["/sideman/meter", "ii", [7, 8]],
    ["/sideman/generate", "", []],
  ]);
  assert.deepEqual(one.shown, [["status", "meter takes 2 numbers."]]);
  assert.ok(Object.values(COMMANDS).every(([address, tags]) => address.startsWith("/sideman/") && /^[ifs]*$/.test(tags)));
});

test("what the daemon tells comes out of the object", () => {
  const one = served();
  one.link.heard("/sideman/progress", ["one", 0.5]);
  one.link.heard("/sideman/clip", ["one", 0, 4, "/a.wav", 48000, 8, 120]);
  one.link.heard("/sideman/placed", ["one", 0, "track Sideman, slot 1"]);
  one.link.heard("/sideman/score", ["one", 0, 0.9, -1, 1, 0.95]);
  one.link.heard("/sideman/done", ["one", 1]);
  one.link.heard("/sideman/unheard-of", [1, 2, 3]);
  assert.deepEqual(one.shown, [
    ["progress", 0.5],
    ["clip", "one", 0, "/a.wav"],
    ["placed", "one", 0, "track Sideman, slot 1"],
    ["status", "Take 1 is in track Sideman, slot 1."],
    ["score", "one", 0, 0.95],
    ["done", "one", 1],
  ]);
});

test("a target is an area and a track", () => {
  assert.deepEqual(
    ["", "lanes", "arrangement:Keys", ":A:B", "slots: "].map(parseTarget),
    [["slots", "Sideman"], ["lanes", "Sideman"], ["arrangement", "Keys"], ["slots", "A:B"], ["slots", "Sideman"]],
  );
});
