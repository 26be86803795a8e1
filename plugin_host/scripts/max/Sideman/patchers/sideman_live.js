// The program of the object `js` (or `v8`): the Live set by the Live API. Written for the old engine of `js` too.
//
// What changes in the set only marks something as due; a task reads and tells ten times a second, because Live allows no
// change while it tells of one. Out go messages for sideman-node.js: live, tell, chart, note, chart_end, placed, failed.

inlets = 1;
outlets = 1;

var TICK_MS = 100;
var RESYNC_MS = 2000;
var JUMP_BEATS = 0.25;
var MOST_BARS = 512;
var LAST_BEAT = 1576800;
var SETTLE_TICKS = 20;
var WARP_MODES = [6, 4, 0]; // Complex Pro, else Complex, else Beats
var TONICS = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
var OBSERVED = {
  tempo: "tempo",
  signature_numerator: "meter",
  signature_denominator: "meter",
  is_playing: "transport",
  loop: "loop",
  loop_start: "loop",
  loop_length: "loop",
  root_note: "key",
  scale_name: "key",
  scale_mode: "key"
};

var song = null;
var observers = [];
var due = {};
var told = {};
var task = null;
var fitting = [];
var made = {}; // the clips in slots that this run of the device made, by their names: slot, track, paths, state
var madeNames = [];
var MOST_MADE = 1024;
var insteadOf = {}; // the name of the draft that an offer's clip replaces
// What a user can change of a clip, as far as Live tells a device; has_envelopes and others are not in every Live.
var COMPARED = [
  "color", "looping", "loop_start", "loop_end", "start_marker", "end_marker", "warping", "warp_mode", "ram_mode", "muted",
  "gain", "pitch_coarse", "pitch_fine", "launch_mode", "launch_quantization", "legato", "velocity_amount",
  "signature_numerator", "signature_denominator", "has_groove", "has_envelopes"
];
var wasPlaying = null;
var anchor = { beat: 0, at: 0 };

// The device is loaded: live.thisdevice says so, and sideman-node.js when it has started.
function bang() {
  stop_all();
  song = typeof LiveAPI === "undefined" ? null : new LiveAPI(null, "live_set");
  if (isNone(song)) {
    song = null;
    outlet(0, "live", 0);
    return;
  }
  for (var name in OBSERVED) {
    if (OBSERVED.hasOwnProperty(name) && has(song, "property", name)) {
      observers.push(observe(name, OBSERVED[name]));
    }
  }
  task = new Task(tick, this);
  task.interval = TICK_MS;
  task.repeat();
  outlet(0, "live", 1);
  tell_all();
}

function observe(name, item) {
  var observer = new LiveAPI(function () {
    due[item] = true;
  }, "live_set");
  observer.property = name;
  return observer;
}

function notifydeleted() {
  stop_all();
}

function stop_all() {
  if (task) {
    task.cancel();
    task = null;
  }
  for (var i = 0; i < observers.length; i++) {
    observers[i].property = "";
  }
  observers = [];
}

// The daemon is a new one: everything is told again.
function tell_all() {
  told = {};
  due = { tempo: true, meter: true, key: true, loop: true, transport: true };
  wasPlaying = null;
}

function tick() {
  if (!song) {
    return;
  }
  if (due.tempo) {
    tellNew("tempo", [["/sideman/tempo", "f", number(song, "tempo")]]);
  }
  if (due.meter) {
    tellNew("meter", [["/sideman/meter", "ii", number(song, "signature_numerator"), number(song, "signature_denominator")]]);
    due.loop = true;
  }
  if (due.key) {
    tellNew("key", keyMessages());
  }
  if (due.loop) {
    tellNew("loop", loopMessages());
  }
  tellTransport();
  fitPlaced();
  due = {};
}

// Send the messages of an item that differ from those told last.
function tellNew(item, messages) {
  var before = told[item] || [];
  for (var i = 0; i < messages.length; i++) {
    if (before.indexOf(messages[i].join(" ")) < 0) {
      outlet.apply(this, [0, "tell"].concat(messages[i]));
    }
  }
  told[item] = messages.map(function (message) {
    return message.join(" ");
  });
}

function keyMessages() {
  if (!has(song, "property", "root_note") || !has(song, "property", "scale_name")) {
    return [];
  }
  var root = number(song, "root_note");
  var name = String(first(song, "scale_name"));
  // Live 11 has no switch for the scale: there C major is what it shows when nobody chose one.
  var chosen = has(song, "property", "scale_mode") ? number(song, "scale_mode") : !(root === 0 && name === "Major");
  if (!chosen) {
    return told.key && told.key.length ? [["/sideman/key/clear", ""]] : [];
  }
  if (has(song, "property", "scale_intervals")) {
    return [["/sideman/key/scale", "is", root, song.get("scale_intervals").join(" ")]];
  }
  return [["/sideman/key", "s", TONICS[root % 12] + " " + name]];
}

// Clips begin with the loop, and are as long where it is whole bars.
function loopMessages() {
  if (!number(song, "loop")) {
    return [["/sideman/from", "f", 0]];
  }
  var messages = [["/sideman/from", "f", Math.max(0, number(song, "loop_start"))]];
  var bar = (4 * number(song, "signature_numerator")) / number(song, "signature_denominator");
  var bars = number(song, "loop_length") / bar;
  if (Math.abs(bars - Math.round(bars)) < 1e-4 && Math.round(bars) >= 1 && Math.round(bars) <= MOST_BARS) {
    messages.push(["/sideman/bars", "i", Math.round(bars)]);
  }
  return messages;
}

function tellTransport() {
  var beat = Math.max(0, number(song, "current_song_time"));
  var playing = Boolean(number(song, "is_playing"));
  var now = Date.now();
  if (due.transport || playing !== wasPlaying) {
    if (playing) {
      outlet(0, "tell", "/sideman/play", "f", beat);
    } else {
      outlet(0, "tell", "/sideman/stop", "");
      outlet(0, "tell", "/sideman/position", "f", beat);
    }
  } else if (playing ? hasMoved(beat, now) : beat !== anchor.beat) {
    outlet(0, "tell", "/sideman/position", "f", beat);
  } else {
    return;
  }
  wasPlaying = playing;
  anchor = { beat: beat, at: now };
}

function hasMoved(beat, now) {
  var expected = anchor.beat + (((now - anchor.at) / 1000) * number(song, "tempo")) / 60;
  return now - anchor.at > RESYNC_MS || Math.abs(beat - expected) > JUMP_BEATS;
}

// The notes of the clip that is open in Live's clip view are the chords, or the drums.
function chords() {
  readClip("chords");
}

function drums() {
  readClip("drums");
}

function readClip(kind) {
  var clip = song && new LiveAPI(null, "live_set view detail_clip");
  if (!clip || isNone(clip) || !number(clip, "is_midi_clip")) {
    outlet(0, "say", "Open a MIDI clip in Live's clip view first: its notes become the " + kind + ".");
    return;
  }
  var start = number(clip, "loop_start");
  var end = number(clip, "loop_end");
  var answer = clip.call("get_notes_extended", 0, 128, start, end - start);
  var notes = (typeof answer === "string" ? JSON.parse(answer) : answer).notes;
  outlet(0, "chart", kind, end - start);
  for (var i = 0; i < notes.length; i++) {
    var note = notes[i];
    if (!note.mute && note.velocity >= 1 && note.start_time >= start && note.start_time < end) {
      var length = Math.min(note.duration, end - note.start_time);
      outlet(0, "note", note.pitch, note.start_time - start, length, note.velocity);
    }
  }
  outlet(0, "chart_end");
}

// The clip that is offered next under this number replaces a draft.
function instead(offer, name) {
  insteadOf[offer] = String(name);
}

// A clip of the daemon's for the set; the last arguments are ways to write its path.
function place(offer, name, area, track, start, beats, tempo, steady, again) {
  var paths = arrayfromargs(arguments).slice(9).map(String);
  var draft = insteadOf[offer] || "";
  delete insteadOf[offer];
  try {
    var where = again ? holding(paths) : "";
    if (where) {
      outlet(0, "placed", offer, where);
      return;
    }
    var clip = put(String(name), String(area), String(track), start, beats, paths);
    clip.api.set("name", String(name));
    clip.api.set("warping", steady ? 1 : 0);
    fitting.push({
      offer: offer, clip: clip.api, where: clip.where, beats: beats, tempo: tempo, steady: steady, ticks: 0,
      name: String(name), paths: paths, draft: draft, track: clip.track, slot: clip.slot
    });
  } catch (error) {
    var kept = draft ? " Its draft stays where it is." : "";
    outlet(0, "failed", offer, String(error.message || error) + kept + " Its file: " + paths[paths.length - 1]);
  }
}

// Clips that were placed, once they are warped: Live warps later than it is told to.
function fitPlaced() {
  var waiting = [];
  for (var i = 0; i < fitting.length; i++) {
    var one = fitting[i];
    one.ticks += 1;
    if (!one.steady) {
      finish(one, " (the tempo changes in it, so it is not warped)");
    } else if (number(one.clip, "warping")) {
      finish(one, fitOrSay(one));
    } else if (one.ticks >= SETTLE_TICKS) {
      finish(one, " (Live has not warped it: switch Warp on, tempo " + one.tempo + ")");
    } else {
      waiting.push(one);
    }
  }
  fitting = waiting;
}

// A clip is as it is to be: it goes over its draft, where it has one, and is answered.
function finish(one, remark) {
  var where = one.draft ? overDraft(one) : one.where;
  if (one.slot) {
    if (!made.hasOwnProperty(one.name)) {
      madeNames.push(one.name);
    }
    made[one.name] = { slot: one.slot, track: one.track, paths: one.paths, where: one.where, state: stateOf(one) };
    if (madeNames.length > MOST_MADE) {
      delete made[madeNames.shift()];
    }
  }
  outlet(0, "placed", one.offer, where + remark);
}

// What a clip is when it was placed; null where it is gone already.
function stateOf(one) {
  try {
    var clip = clipOf(one.slot);
    return isOf(clip, one.paths) ? state(clip) : null;
  } catch (error) {
    return null;
  }
}

function state(clip) {
  var values = [String(first(clip, "name")), markersOf(clip)];
  for (var i = 0; i < COMPARED.length; i++) {
    values.push(has(clip, "property", COMPARED[i]) ? number(clip, COMPARED[i]).toFixed(6) : "");
  }
  return values.join("\n");
}

// The warp markers as Live writes them: a text or an object.
function markersOf(clip) {
  var told = has(clip, "property", "warp_markers") ? first(clip, "warp_markers") : "";
  return typeof told === "string" ? told : JSON.stringify(told);
}

// Copy a better take over its draft; says where it is then, or why it is not there.
function overDraft(one) {
  var draft = made.hasOwnProperty(one.draft) ? made[one.draft] : null;
  var why;
  try {
    why = whyNot(one, draft) || copyOver(one, draft);
  } catch (error) {
    why = String(error.message || error);
  }
  if (why) {
    return one.where + "; its draft is not replaced: " + why;
  }
  one.slot = draft.slot;
  one.track = draft.track;
  one.where = draft.where;
  return draft.where + ", in the place of its draft";
}

// Why it could not be copied; empty where it is there.
function copyOver(one, draft) {
  one.slot.call("duplicate_clip_to", "id " + draft.slot.id);
  if (!isOf(clipOf(draft.slot), one.paths)) {
    return "Live has not copied the clip";
  }
  one.slot.call("delete_clip");
  return "";
}

function whyNot(one, draft) {
  if (!one.slot) {
    return "this device replaces clips in slots alone";
  }
  if (!draft) {
    return "this run of the device did not put it there";
  }
  if (!isOf(clipOf(one.slot), one.paths)) {
    return "the new clip was taken out of its slot";
  }
  var clip = clipOf(draft.slot);
  if (isNone(draft.track) || isNone(draft.slot) || !isOf(clip, draft.paths)) {
    return "it is not where it was put";
  }
  var at = indexOf(children(draft.track, "clip_slots"), draft.slot);
  if (at < 0 || number(draft.track, "playing_slot_index") === at || number(draft.track, "fired_slot_index") === at) {
    return at < 0 ? "it is not where it was put" : "it is playing";
  }
  return state(clip) === draft.state ? "" : "it was changed";
}

function clipOf(slot) {
  return number(slot, "has_clip") ? children(slot, "clip")[0] : null;
}

function indexOf(list, api) {
  for (var i = 0; i < list.length; i++) {
    if (Number(list[i].id) === Number(api.id)) {
      return i;
    }
  }
  return -1;
}

// Whatever goes wrong, the clip is in the set and is answered.
function fitOrSay(one) {
  try {
    return fit(one.clip, one.beats, one.tempo);
  } catch (error) {
    return " (its warp and loop are as Live set them: " + String(error.message || error) + ")";
  }
}

function put(name, area, trackName, start, beats, paths) {
  if (!song) {
    throw new Error("The Live API is not there.");
  }
  if (area === "lanes") {
    throw new Error("This device makes no take lanes: ask for slots or the arrangement, or use Sideman's own script.");
  }
  var track = audioTrack(trackName);
  return area === "slots" ? intoSlot(track, trackName, paths) : intoArrangement(track, trackName, start, beats, paths);
}

// The track of that name, made where there is none.
function audioTrack(name) {
  var named = children(song, "tracks").filter(function (track) {
    return String(first(track, "name")).trim() === name;
  });
  var usable = named.filter(function (track) {
    return number(track, "has_audio_input") && !number(track, "is_foldable");
  });
  for (var i = 0; i < usable.length; i++) {
    if (!number(usable[i], "is_frozen")) {
      return usable[i];
    }
  }
  if (usable.length) {
    throw new Error("The track " + name + " is frozen: unfreeze it, or rename it and a new one is made.");
  }
  if (named.length) {
    throw new Error("The track " + name + " is no audio track: rename it, and one is made.");
  }
  var before = children(song, "tracks").length;
  song.call("create_audio_track", -1);
  var tracks = children(song, "tracks");
  if (tracks.length === before) {
    throw new Error("There is no track " + name + ", and Live makes no new one.");
  }
  var track = tracks[tracks.length - 1];
  track.set("name", name);
  return track;
}

function intoSlot(track, name, paths) {
  var slots = children(track, "clip_slots");
  var index = emptySlot(slots);
  if (index < 0) {
    song.call("create_scene", -1);
    slots = children(track, "clip_slots");
    index = emptySlot(slots);
  }
  if (index < 0) {
    throw new Error("Every slot of " + name + " is taken, and Live makes no new scene.");
  }
  var slot = slots[index];
  if (!has(slot, "function", "create_audio_clip")) {
    throw new Error(tooOld());
  }
  for (var i = 0; i < paths.length && !number(slot, "has_clip"); i++) {
    slot.call("create_audio_clip", paths[i]);
  }
  if (!number(slot, "has_clip")) {
    throw new Error("Live made no clip of the file: is it still there?");
  }
  return { api: children(slot, "clip")[0], where: "track " + name + ", slot " + (index + 1), track: track, slot: slot };
}

function emptySlot(slots) {
  for (var i = 0; i < slots.length; i++) {
    if (!number(slots[i], "has_clip")) {
      return i;
    }
  }
  return -1;
}

function intoArrangement(track, name, start, beats, paths) {
  if (!has(track, "function", "create_audio_clip")) {
    throw new Error(tooOld());
  }
  if (!(start >= 0 && start <= LAST_BEAT - beats)) {
    throw new Error("Live's arrangement has no beat " + start + ".");
  }
  // Live makes a new clip as long as it guesses, and cuts what lies behind.
  if (!isLast(children(track, "arrangement_clips"), start)) {
    throw new Error(
      "There is a clip on " + name + " at or behind beat " + start + " of the arrangement: move it, ask for slots, or use " +
        "Sideman's own script, which puts clips between others."
    );
  }
  var before = children(track, "arrangement_clips").length;
  for (var i = 0; i < paths.length && children(track, "arrangement_clips").length === before; i++) {
    track.call("create_audio_clip", paths[i], start);
  }
  var clips = children(track, "arrangement_clips");
  for (var k = 0; k < clips.length; k++) {
    if (Math.abs(number(clips[k], "start_time") - start) < 1e-6) {
      return { api: clips[k], where: "track " + name + ", beat " + start + " of the arrangement" };
    }
  }
  throw new Error("Live made no clip of the file: is it still there?");
}

function isLast(clips, start) {
  return clips.every(function (clip) {
    return number(clip, "end_time") <= start + 1e-6;
  });
}

function tooOld() {
  return "This version of Live takes no audio clip from a device (that came with Live 12.0.5): drag the file in.";
}

// Warp mode and loop; returns a remark, empty when all is as it should be.
function fit(clip, beats, tempo) {
  var heard = number(clip, "end_marker");
  var remark = Math.abs(heard - beats) < 0.01 ? "" : " (check its tempo in Live: it is " + tempo + ")";
  var modes = (clip.get("available_warp_modes") || []).map(Number);
  for (var i = 0; i < WARP_MODES.length; i++) {
    if (modes.indexOf(WARP_MODES[i]) >= 0) {
      clip.set("warp_mode", WARP_MODES[i]);
      break;
    }
  }
  // An arrangement clip is as long as its loop's ends say while it does not loop, and keeps its length after that.
  if (number(clip, "is_arrangement_clip")) {
    clip.set("looping", 0);
    clip.set("loop_start", 0);
    clip.set("loop_end", beats);
  }
  clip.set("looping", 1);
  clip.set("loop_start", 0);
  clip.set("loop_end", beats);
  return remark;
}

// Where a clip of this file is already, for offers that an earlier run of the device may have taken.
function holding(paths) {
  if (!song) {
    return "";
  }
  var tracks = children(song, "tracks");
  for (var t = 0; t < tracks.length; t++) {
    if (!number(tracks[t], "has_audio_input")) {
      continue;
    }
    var name = String(first(tracks[t], "name"));
    var slots = children(tracks[t], "clip_slots");
    for (var s = 0; s < slots.length; s++) {
      if (number(slots[s], "has_clip") && isOf(children(slots[s], "clip")[0], paths)) {
        return "track " + name + ", slot " + (s + 1) + ", where it was already";
      }
    }
    var clips = children(tracks[t], "arrangement_clips");
    for (var c = 0; c < clips.length; c++) {
      if (isOf(clips[c], paths)) {
        return "track " + name + ", the arrangement, where it was already";
      }
    }
  }
  return "";
}

function isOf(clip, paths) {
  return Boolean(clip) && Boolean(number(clip, "is_audio_clip")) && paths.indexOf(String(first(clip, "file_path"))) >= 0;
}

// The Live API in words of this script

function isNone(api) {
  return !api || Number(api.id) === 0;
}

function first(api, name) {
  var value = api.get(name);
  return value instanceof Array || (value && typeof value === "object" && "length" in value) ? value[0] : value;
}

function number(api, name) {
  return Number(first(api, name));
}

function children(api, name) {
  var list = api.get(name) || [];
  var found = [];
  for (var i = 0; i + 1 < list.length; i += 2) {
    if (list[i] === "id" && Number(list[i + 1]) !== 0) {
      found.push(new LiveAPI(null, "id " + list[i + 1]));
    }
  }
  return found;
}

// Whether this Live's object has a property or a function: its description has a line for each.
function has(api, kind, name) {
  return new RegExp("(^|\\n)\\s*" + kind + " " + name + "(\\s|$)").test(String(api.info));
}
