// The object in Live, unchanged, in a stand-in for Live's API: what it tells, reads and places.

"use strict";

const assert = require("node:assert/strict");
const path = require("path");
const { test } = require("node:test");
const { patchers, standins } = require("./where.js");
const { JsObject } = require(path.join(standins, "js-object.js"));
const { LiveSet } = require(path.join(standins, "live-set.js"));

const SCRIPT = path.join(patchers, "sideman_live.js");
const FILE = "/clips/sideman-one-t0_120bpm.wav";

function loaded(options) {
  const set = new LiveSet(options);
  set.files.add(FILE);
  const js = new JsObject(SCRIPT, set);
  js.send("bang");
  return { set, js, said: () => js.outlets.splice(0).map((atoms) => atoms.join(" ")) };
}

function place(
  bench,
  { offer = 1, name = "sideman-one-t0_120bpm", area = "slots", track = "Sideman", start = 0, steady = 1, again = 0, paths = [FILE] } = {},
) {
  bench.js.outlets.length = 0;
  bench.js.send("place", offer, name, area, track, start, 16, 120, steady, again, ...paths);
  for (let tick = 0; tick < 3; tick += 1) {
    bench.js.run();
  }
  return bench.said().filter((line) => /^(placed|failed)/.test(line));
}

test("everything is told at the start, and only what changes after it", () => {
  const { set, js, said } = loaded();
  assert.deepEqual(said(), ["live 1"]);
  js.run();
  assert.deepEqual(said(), [
    "tell /sideman/tempo f 120",
    "tell /sideman/meter ii 4 4",
    "tell /sideman/from f 0",
    "tell /sideman/stop ",
    "tell /sideman/position f 0",
  ]);
  js.run();
  assert.deepEqual(said(), []);
  set.song.change("tempo", 97.5);
  js.run();
  assert.deepEqual(said(), ["tell /sideman/tempo f 97.5"]);
  set.song.change("signature_numerator", 7);
  set.song.change("signature_denominator", 8);
  js.run();
  assert.deepEqual(said(), ["tell /sideman/meter ii 7 8"]);
  js.send("tell_all");
  js.run();
  assert.equal(said().length, 5);
  assert.deepEqual(set.errors, []);
});

test("the scale is told while it is on, and cleared after", () => {
  const { set, js, said } = loaded();
  js.run();
  said();
  set.song.change("scale_mode", 1);
  set.song.change("root_note", 9);
  set.song.change("scale_intervals", [0, 2, 3, 5, 7, 8, 10]);
  js.run();
  assert.deepEqual(said(), ["tell /sideman/key/scale is 9 0 2 3 5 7 8 10"]);
  set.song.change("scale_mode", 0);
  js.run();
  assert.deepEqual(said(), ["tell /sideman/key/clear "]);
});

test("Live 11 has no switch for the scale: its name is told where one was chosen", () => {
  const { set, js, said } = loaded({ version: 11 });
  js.run();
  assert.ok(!said().some((line) => line.includes("key")));
  set.song.change("scale_name", "Dorian");
  set.song.change("root_note", 3);
  js.run();
  assert.deepEqual(said(), ["tell /sideman/key s D# Dorian"]);
  assert.deepEqual(set.errors, []);
});

test("clips begin with the loop and are as long where it is whole bars", () => {
  const { set, js, said } = loaded();
  js.run();
  said();
  set.song.change("loop_start", 8);
  set.song.change("loop_length", 32);
  set.song.change("loop", 1);
  js.run();
  assert.deepEqual(said(), ["tell /sideman/from f 8", "tell /sideman/bars i 8"]);
  set.song.change("loop_length", 30);
  js.run();
  assert.deepEqual(said(), []);
});

test("play, stop and jumps are told at once, and the position every two seconds", () => {
  const { set, js, said } = loaded();
  js.run();
  said();
  set.song.change("is_playing", 1);
  js.run();
  assert.deepEqual(said(), ["tell /sideman/play f 0"]);
  const lines = [];
  for (let tick = 1; tick <= 21; tick += 1) {
    set.song.properties.current_song_time = tick * 0.2;
    js.run();
    lines.push(...said());
  }
  assert.deepEqual(lines, ["tell /sideman/position f 4.2"]);
  set.song.properties.current_song_time = 40;
  js.run();
  assert.deepEqual(said(), ["tell /sideman/position f 40"]);
  set.song.change("is_playing", 0);
  js.run();
  assert.deepEqual(said(), ["tell /sideman/stop ", "tell /sideman/position f 40"]);
});

test("the open clip's notes are the chords", () => {
  const bench = loaded();
  bench.set.detail = bench.set.midiClip(
    [
      { pitch: 57, start_time: 0, duration: 4, velocity: 100, mute: 0 },
      { pitch: 60, start_time: 4, duration: 8, velocity: 90, mute: 0 },
      { pitch: 61, start_time: 4, duration: 1, velocity: 90, mute: 1 },
    ],
    8,
  );
  bench.said();
  bench.js.send("chords");
  assert.deepEqual(bench.said(), ["chart chords 8", "note 57 0 4 100", "note 60 4 4 90", "chart_end"]);
  bench.set.detail = null;
  bench.js.send("drums");
  assert.match(bench.said()[0], /^say Open a MIDI clip/);
});

test("a clip comes into the next empty slot of a track that is made, warped, looped and named", () => {
  const bench = loaded();
  assert.deepEqual(place(bench), ["placed 1 track Sideman, slot 1"]);
  assert.deepEqual(place(bench, { offer: 2 }), ["placed 2 track Sideman, slot 2"]);
  assert.deepEqual(place(bench, { offer: 3 }), ["placed 3 track Sideman, slot 3"]);
  const clip = bench.set.tracks[0].slots[0].content.properties;
  assert.deepEqual(
    [clip.name, clip.warping, clip.looping, clip.loop_start, clip.loop_end, clip.warp_mode],
    ["sideman-one-t0_120bpm", 1, 1, 0, 16, 6],
  );
  assert.equal(bench.set.tracks.length, 1);
  assert.deepEqual(bench.set.errors, []);
});

test("a tempo that Live guessed otherwise is said", () => {
  const bench = loaded();
  bench.set.beatsOf = 15.5;
  assert.deepEqual(place(bench), ["placed 1 track Sideman, slot 1 (check its tempo in Live: it is 120)"]);
});

test("a clip in the arrangement is as long as its bars, whatever Live guesses", () => {
  const bench = loaded();
  bench.set.beatsOf = 32;
  place(bench, { area: "arrangement", start: 8 });
  const clip = bench.set.tracks[0].arranged[0].properties;
  assert.deepEqual([clip.start_time, clip.end_time], [8, 24]);
});

test("what goes wrong while a clip is fitted is said, and the device goes on", () => {
  const bench = loaded();
  bench.js.send("place", 1, "a", "slots", "Sideman", 0, 16, 120, 1, 0, FILE);
  Object.defineProperty(bench.set.tracks[0].slots[0].content.properties, "available_warp_modes", {
    get() {
      throw new Error("gone");
    },
  });
  bench.js.run();
  bench.js.run();
  assert.deepEqual(bench.said().filter((line) => line.startsWith("placed")), [
    "placed 1 track Sideman, slot 1 (its warp and loop are as Live set them: gone)",
  ]);
  bench.set.song.change("tempo", 99);
  bench.js.run();
  assert.deepEqual(bench.said(), ["tell /sideman/tempo f 99"]);
});

test("a clip that Live does not warp is placed all the same", () => {
  const bench = loaded();
  bench.set.settle = () => {};
  bench.js.send("place", 1, "a", "slots", "Sideman", 0, 16, 120, 1, 0, FILE);
  for (let tick = 0; tick < 25; tick += 1) {
    bench.js.run();
  }
  assert.deepEqual(bench.said().filter((line) => line.startsWith("placed")), [
    "placed 1 track Sideman, slot 1 (Live has not warped it: switch Warp on, tempo 120)",
  ]);
});

test("a clip in which the tempo changes is not warped", () => {
  const bench = loaded();
  assert.match(place(bench, { steady: 0 })[0], /not warped/);
  assert.equal(bench.set.tracks[0].slots[0].content.properties.looping, 0);
});

test("the arrangement takes a clip where it is free", () => {
  const bench = loaded();
  const asked = { area: "arrangement", track: "Keys", start: 32 };
  assert.deepEqual(place(bench, asked), ["placed 1 track Keys, beat 32 of the arrangement"]);
  const [clip] = bench.set.tracks[0].arranged;
  assert.deepEqual([clip.properties.end_time, clip.properties.loop_end, clip.properties.looping], [48, 16, 1]);
  assert.match(place(bench, { ...asked, offer: 2, start: 40 })[0], /^failed 2 There is a clip on Keys at or behind beat 40/);
  // Live would cut what lies behind, where it takes the clip to be longer.
  assert.match(place(bench, { ...asked, offer: 5, start: 16 })[0], /^failed 5 There is a clip on Keys at or behind beat 16/);
  assert.equal(bench.set.tracks[0].arranged.length, 1);
  assert.match(place(bench, { ...asked, offer: 3, start: 2e6 })[0], /no beat 2000000/);
  assert.match(place(bench, { ...asked, offer: 4, area: "lanes" })[0], /makes no take lanes/);
});

test("what cannot be placed is said with the file's path, and nothing is made", () => {
  const frozen = loaded();
  frozen.set.addTrack("Sideman", "audio").properties.is_frozen = 1;
  assert.match(place(frozen)[0], new RegExp(`^failed 1 The track Sideman is frozen.*Its file: ${FILE}`));
  const midi = loaded();
  midi.set.addTrack("Sideman", "midi");
  assert.match(place(midi)[0], /is no audio track/);
  const gone = loaded();
  assert.match(place(gone, { paths: ["/clips/gone.wav"] })[0], /^failed 1 Live made no clip of the file/);
  assert.equal(gone.set.tracks[0].slots[0].content, null);
  const old = loaded({ version: 11 });
  assert.match(place(old)[0], /came with Live 12.0.5/);
  assert.deepEqual(old.set.errors, []);
});

test("of the ways to write a path the first that Live takes counts", () => {
  const bench = loaded();
  assert.deepEqual(place(bench, { paths: ["/Volumes/Disk" + FILE, FILE] }), ["placed 1 track Sideman, slot 1"]);
});

// A better take of the draft that `place` has placed.
const BETTER = "/clips/sideman-one-t0_120bpm-2.wav";

function better(bench, options = {}) {
  bench.set.files.add(BETTER);
  bench.js.send("instead", 2, "sideman-one-t0_120bpm");
  return place(bench, { offer: 2, name: "sideman-one-t0_120bpm-2", paths: ["/Volumes/Disk" + BETTER, BETTER], ...options });
}

test("a better take goes into the slot of its draft, and a better one of it too", () => {
  const bench = loaded();
  place(bench);
  assert.deepEqual(better(bench), ["placed 2 track Sideman, slot 1, in the place of its draft"]);
  const [first, second] = bench.set.tracks[0].slots;
  const clip = first.content.properties;
  assert.deepEqual([clip.file_path, clip.name, clip.looping, clip.loop_end], [BETTER, "sideman-one-t0_120bpm-2", 1, 16]);
  assert.equal(second.content, null);
  bench.set.files.add("/clips/best.wav");
  bench.js.send("instead", 3, "sideman-one-t0_120bpm-2");
  const best = place(bench, { offer: 3, name: "best", paths: ["/clips/best.wav"] });
  assert.deepEqual(best, ["placed 3 track Sideman, slot 1, in the place of its draft"]);
  assert.deepEqual(bench.set.errors.filter((text) => !text.includes("/Volumes/Disk")), []);
});

for (const [what, touch, why] of [
  ["named", (track, clip) => clip.change("name", "mine"), "it was changed"],
  ["shortened", (track, clip) => clip.change("loop_end", 8), "it was changed"],
  ["made louder", (track, clip) => clip.change("gain", 0.7), "it was changed"],
  ["transposed", (track, clip) => clip.change("pitch_coarse", 3), "it was changed"],
  ["switched off", (track, clip) => clip.change("muted", 1), "it was changed"],
  ["warped", (track, clip) => clip.change("warp_markers", '{"warp_markers": [[0, 0], [2, 5], [8, 16]]}'), "it was changed"],
  ["launched", (track) => track.change("playing_slot_index", 0), "it is playing"],
  ["about to play", (track) => track.change("fired_slot_index", 0), "it is playing"],
  ["replaced", (track, clip) => clip.change("file_path", "/mine.wav"), "it is not where it was put"],
]) {
  test(`a draft that was ${what} stays, and the better take goes into an empty slot`, () => {
    const bench = loaded();
    place(bench);
    const [track] = bench.set.tracks;
    const draft = track.slots[0].content;
    touch(track, draft);
    assert.deepEqual(better(bench), [`placed 2 track Sideman, slot 2; its draft is not replaced: ${why}`]);
    assert.equal(track.slots[0].content, draft);
    assert.equal(track.slots[1].content.properties.file_path, BETTER);
  });
}

test("a draft that another run of the device placed, or that lies in the arrangement, stays", () => {
  const bench = loaded();
  assert.match(better(bench)[0], /slot 1; its draft is not replaced: this run of the device did not put it there/);
  const other = loaded();
  place(other, { area: "arrangement" });
  assert.match(better(other, { area: "arrangement" })[0], /^failed 2 There is a clip.* Its draft stays where it is\./);
  assert.match(better(other, { area: "arrangement", start: 64 })[0], /not replaced: this device replaces clips in slots alone/);
  assert.equal(other.set.tracks[0].arranged[0].properties.file_path, FILE);
});

test("what the user puts where the better take is fitted is neither copied nor deleted", () => {
  const bench = loaded();
  place(bench);
  bench.set.files.add(BETTER);
  bench.js.outlets.length = 0;
  bench.js.send("instead", 2, "sideman-one-t0_120bpm");
  bench.js.send("place", 2, "better", "slots", "Sideman", 0, 16, 120, 1, 0, BETTER);
  const [first, second] = bench.set.tracks[0].slots;
  const [draft, mine] = [first.content, bench.set.clip({ is_audio_clip: 1, file_path: "/mine.wav" })];
  second.content = mine;
  bench.js.run();
  bench.js.run();
  assert.match(bench.said().pop(), /slot 2; its draft is not replaced: the new clip was taken out of its slot/);
  assert.deepEqual([first.content, second.content], [draft, mine]);
});

test("where Live does not copy the clip both stay", () => {
  const bench = loaded();
  place(bench);
  bench.set.copy = () => bench.set.fail("not now");
  assert.match(better(bench)[0], /slot 2; its draft is not replaced: Live has not copied the clip/);
  assert.equal(bench.set.tracks[0].slots[0].content.properties.file_path, FILE);
});

test("an offer that an earlier run took is not placed again", () => {
  const bench = loaded();
  place(bench);
  assert.match(place(bench, { offer: 2, again: 1 })[0], /placed 2 track Sideman, slot 1, where it was already/);
  assert.equal(bench.set.tracks[0].slots[1].content, null);
});

test("the device goes without leaving observers or tasks", () => {
  const { set, js } = loaded();
  js.send("bang");
  assert.equal(set.observers.size, 10);
  js.send("notifydeleted");
  assert.deepEqual([set.observers.size, js.tasks.size], [0, 0]);
});

test("without Live there is nothing to tell", () => {
  const js = new JsObject(SCRIPT, null);
  js.send("bang");
  js.send("chords");
  js.send("place", 1, "a", "slots", "Sideman", 0, 16, 120, 1, 0, FILE);
  assert.deepEqual(
    js.outlets.map((atoms) => atoms.join(" ")),
    [
      "live 0",
      "say Open a MIDI clip in Live's clip view first: its notes become the chords.",
      `failed 1 The Live API is not there. Its file: ${FILE}`,
    ],
  );
});
