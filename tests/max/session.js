// A session of the device with a real daemon, whose address is the argument: a chord clip is read, a clip asked for,
// placed in the set, the next take made, and the device closed. Says what it saw as JSON.

"use strict";

const assert = require("node:assert/strict");
const fs = require("fs");
const path = require("path");
const { LiveSet } = require(path.join(require("./where.js").standins, "live-set.js"));
const { device, until } = require("./device.js");

function chord(pitches, at) {
  return pitches.map((pitch) => ({ pitch, start_time: at, duration: 4, velocity: 100, mute: 0 }));
}

async function main(address) {
  const set = new LiveSet();
  set.beatsOf = 8; // Live hears the right tempo in the two bars
  set.files = { has: (file) => fs.existsSync(file) };
  set.song.change("tempo", 112);
  const one = device(set, address);
  const { js, standin } = one;
  const came = (selector) => standin.outlets.filter((atoms) => atoms[0] === selector);
  await until(one, () => came("live").some((atoms) => atoms[1] === "tell_all"));
  set.song.change("scale_mode", 1);
  set.song.change("root_note", 9);
  set.song.change("scale_intervals", [0, 2, 3, 5, 7, 8, 10]);
  set.detail = set.midiClip([...chord([57, 60, 64], 0), ...chord([50, 53, 57], 4)], 8);
  js.send("chords");
  for (const message of [["prompt", "bossa nova"], ["bars", 2], ["takes", 1], ["seed", 5], ["target", "slots:Keys 2"]]) {
    standin.deliver(...message);
  }
  await until(one, () => came("status").some((atoms) => /notes are the chords/.test(atoms[1])));
  standin.deliver("generate");
  await until(one, () => came("done").length === 1);
  standin.deliver("next");
  await until(one, () => came("done").length === 2 && came("placed").length === 2);
  standin.deliver("keep");
  await until(one, () => came("status").some((atoms) => /is kept/.test(atoms[1])));
  const clips = set.tracks[0].slots.map((slot) => slot.content && slot.content.properties);
  assert.ok(clips.every((clip) => clip && clip.warping && clip.looping && clip.loop_end === 8));
  one.close();
  await new Promise((done) => setTimeout(done, 100));
  const result = {
    track: set.tracks[0].properties.name,
    files: clips.map((clip) => clip.file_path),
    names: clips.map((clip) => clip.name),
    placed: came("placed").map((atoms) => atoms[3]),
    errors: set.errors,
    posts: standin.posts,
    statuses: came("status").map((atoms) => atoms[1]),
    shares: came("progress").map((atoms) => atoms[1]),
  };
  process.stdout.write(JSON.stringify(result));
}

main(process.argv[2]).then(
  () => process.exit(0),
  (error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  },
);
