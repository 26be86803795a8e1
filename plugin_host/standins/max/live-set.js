// A stand-in for a Live set as Max's LiveAPI shows it: objects with ids, properties, children and functions.
//
// What Live does not take, LiveAPI does not throw but posts, and goes on; so `errors` has it. Names and meanings are those
// of Cycling '74's reference of the Live Object Model. Warping comes a step after it is asked for.

"use strict";

class LiveObject {
  constructor(set, kind, properties, functions = {}) {
    Object.assign(this, { set, kind, properties, functions, children: {}, readOnly: new Set() });
    this.id = set.register(this);
  }

  get(name) {
    if (name in this.children) {
      return this.children[name]().flatMap((child) => ["id", child ? child.id : 0]);
    }
    if (!(name in this.properties)) {
      this.set.fail(`get ${name}: ${this.kind} has no such property`);
      return undefined;
    }
    const value = this.properties[name];
    return Array.isArray(value) ? [...value] : [value];
  }

  change(name, value) {
    this.properties[name] = value;
    this.set.notify(this, name);
  }

  describe() {
    const properties = Object.keys(this.properties).map((name) => `property ${name} float`);
    const functions = Object.keys(this.functions).map((name) => `function ${name}`);
    const children = Object.keys(this.children).map((name) => `children ${name} ${this.kind}`);
    return [`id ${this.id}`, `type ${this.kind}`, ...children, ...properties, ...functions, "done"].join("\n");
  }
}

class LiveSet {
  constructor({ version = 12.1 } = {}) {
    Object.assign(this, { version, errors: [], objects: new Map(), observers: new Set(), tracks: [], scenes: 2 });
    this.notifying = false;
    this.files = new Set();
    this.song = new LiveObject(
      this,
      "Song",
      {
        tempo: 120, signature_numerator: 4, signature_denominator: 4, is_playing: 0, current_song_time: 0, loop: 0,
        loop_start: 0, loop_length: 16, root_note: 0, scale_name: "Major",
        ...(version >= 12 ? { scale_mode: 0, scale_intervals: [0, 2, 4, 5, 7, 9, 11] } : {}),
      },
      {
        create_audio_track: () => this.addTrack("Audio", "audio"),
        create_scene: () => {
          this.scenes += 1;
        },
      },
    );
    this.song.children.tracks = () => this.tracks;
    this.detail = null;
  }

  register(object) {
    const id = this.objects.size + 1;
    this.objects.set(id, object);
    return id;
  }

  fail(text) {
    this.errors.push(text);
  }

  addTrack(name, kind) {
    const audio = kind === "audio" ? 1 : 0;
    const track = new LiveObject(
      this,
      "Track",
      {
        name, has_audio_input: audio, has_midi_input: 1 - audio, is_frozen: 0, is_foldable: 0, playing_slot_index: -1,
        fired_slot_index: -1,
      },
      this.version >= 12 ? { create_audio_clip: (path, start) => this.addArranged(track, path, start) } : {},
    );
    track.slots = [];
    track.arranged = [];
    track.children.clip_slots = () => this.slotsOf(track);
    track.children.arrangement_clips = () => track.arranged;
    this.tracks.push(track);
    return track;
  }

  slotsOf(track) {
    while (track.slots.length < this.scenes) {
      const slot = new LiveObject(
        this,
        "ClipSlot",
        { has_clip: 0 },
        {
          delete_clip: () => this.empty(slot),
          duplicate_clip_to: (target) => this.copy(slot, target),
          ...(this.version >= 12 ? { create_audio_clip: (path) => this.fill(track, slot, path) } : {}),
        },
      );
      slot.content = null;
      slot.children.clip = () => [slot.content];
      track.slots.push(slot);
    }
    return track.slots;
  }

  fill(track, slot, path) {
    const clip = this.audioClip(track, path);
    if (clip && slot.content) {
      this.fail("create_audio_clip: the slot holds a clip");
    } else if (clip) {
      slot.content = clip;
      slot.properties.has_clip = 1;
    }
  }

  empty(slot) {
    if (!slot.content) {
      this.fail("delete_clip: the slot is empty");
      return;
    }
    slot.content = null;
    slot.properties.has_clip = 0;
  }

  // A copy of the slot's clip in another slot, over what that holds; slots are named as "id N".
  copy(slot, target) {
    const other = /^id \d+$/.test(target) ? this.objects.get(Number(target.slice(3))) : null;
    if (!slot.content || !other || other.kind !== "ClipSlot") {
      this.fail("duplicate_clip_to: an empty slot, or no slot to copy to");
      return;
    }
    other.content = new LiveObject(this, "Clip", { ...slot.content.properties }, slot.content.functions);
    other.properties.has_clip = 1;
  }

  addArranged(track, path, start) {
    const clip = this.audioClip(track, path);
    if (clip) {
      clip.properties.is_arrangement_clip = 1;
      clip.properties.start_time = start;
      clip.properties.end_time = start + this.beatsOf;
      track.arranged.push(clip);
    }
  }

  // A clip of a file that is there; unwarped, its markers are in seconds.
  audioClip(track, path) {
    if (!track.properties.has_audio_input || track.properties.is_frozen || !this.files.has(path)) {
      this.fail(`create_audio_clip ${path}: the track or the file cannot be used`);
      return null;
    }
    const clip = this.clip({
      is_audio_clip: 1, is_midi_clip: 0, file_path: path, warping: 0, warp_mode: 0, available_warp_modes: [0, 1, 2, 3, 4, 6],
      end_marker: this.secondsOf, warp_markers: '{"warp_markers": []}',
    });
    clip.warped = () => {
      clip.change("end_marker", this.beatsOf);
      clip.change("warp_markers", `{"warp_markers": [[0, 0], [${this.secondsOf}, ${this.beatsOf}]]}`);
    };
    return clip;
  }

  midiClip(notes, length) {
    const clip = this.clip(
      { is_audio_clip: 0, is_midi_clip: 1, loop_end: length, end_marker: length },
      {
        get_notes_extended: (pitch, pitches, from, span) =>
          JSON.stringify({
            notes: notes.filter((one) => one.pitch >= pitch && one.start_time >= from && one.start_time < from + span),
          }),
      },
    );
    return clip;
  }

  clip(properties, functions = {}) {
    return new LiveObject(
      this,
      "Clip",
      {
        name: "", is_arrangement_clip: 0, looping: 0, loop_start: 0, loop_end: 1, start_marker: 0, start_time: 0, end_time: 0,
        muted: 0, gain: 0.4, pitch_coarse: 0, ...properties,
      },
      functions,
    );
  }

  notify(object, name) {
    for (const observer of [...this.observers]) {
      if (observer.object === object && observer.name === name) {
        this.notifying = true;
        observer.callback([name, object.properties[name]]);
        this.notifying = false;
      }
    }
  }

  // What was asked of warping comes now.
  settle() {
    for (const object of this.objects.values()) {
      if (object.warpAsked !== undefined) {
        object.properties.warping = object.warpAsked;
        delete object.warpAsked;
        if (object.properties.warping && object.warped) {
          object.warped();
        }
      }
    }
  }
}

LiveSet.prototype.secondsOf = 8;
LiveSet.prototype.beatsOf = 16;

// The class LiveAPI of one set.
function liveApiOf(set) {
  return class LiveAPI {
    constructor(callback, path) {
      if (callback !== null && typeof callback !== "function") {
        throw new TypeError("LiveAPI(callback or null, path)");
      }
      this.callback = callback;
      this.object = resolve(set, path);
      this.observer = null;
      if (callback && this.object) {
        callback(["id", this.object.id]);
      }
    }

    get id() {
      return this.object ? String(this.object.id) : "0";
    }

    get info() {
      return this.object ? this.object.describe() : "No object";
    }

    get property() {
      return this.observer ? this.observer.name : "";
    }

    set property(name) {
      set.observers.delete(this.observer);
      this.observer = name ? { object: this.object, name, callback: this.callback } : null;
      if (this.observer) {
        set.observers.add(this.observer);
      }
    }

    get(name) {
      return this.object ? this.object.get(name) : set.fail("get: no valid object set");
    }

    set(name, value) {
      if (set.notifying) {
        set.fail(`set ${name}: changes cannot be triggered by notifications`);
      } else if (!this.object || !(name in this.object.properties)) {
        set.fail(`set ${name}: no such property`);
      } else if (name === "warping") {
        this.object.warpAsked = value;
      } else if (name === "looping" && value && !this.object.properties.warping && this.object.properties.is_audio_clip) {
        set.fail("looping: the clip is not warped");
      } else {
        this.object.change(name, value);
        moveEdge(this.object.properties, name);
      }
    }

    call(name, ...args) {
      const found = this.object && this.object.functions[name];
      if (!found || set.notifying) {
        set.fail(`call ${name}: no such function, or inside a notification`);
        return undefined;
      }
      return found(...args);
    }
  };
}

// What loops keeps its right edge in the arrangement; where it does not loop, the edge goes with the loop's ends.
function moveEdge(clip, name) {
  if (clip.is_arrangement_clip && !clip.looping && (name === "loop_start" || name === "loop_end")) {
    clip.end_time = clip.start_time + clip.loop_end - clip.loop_start;
  }
}

function resolve(set, path) {
  const words = String(path).split(" ");
  if (words[0] === "id") {
    return set.objects.get(Number(words[1])) || null;
  }
  const named = { live_set: set.song, "live_set view detail_clip": set.detail };
  if (!(path in named)) {
    throw new Error(`the stand-in knows no path ${path}`);
  }
  return named[path];
}

module.exports = { LiveSet, liveApiOf };
