// What this device says to the daemon and makes of its answers. Pure: sending, showing and the time are passed in.
//
// It greets every two seconds, as the script for Live does, and so the daemon's host `ableton` serves it. A clip that is
// offered is handed to the object that places it, and answered once with where it went or why not. The daemon offers
// again what was not answered; an offer that is known is answered as before and not placed twice.

"use strict";

const VERSION = "2"; // of what this device and the daemon say to each other
const GREET_MS = 2000;
const SILENCE_MS = 7000; // a daemon that has not answered for so long is taken to be gone
const MOST_KNOWN = 1024; // answers that are remembered; the oldest are forgotten first
const MOST_NOTES = 2000; // a longer chart is cut: what came first counts
const OFFER_ARGUMENTS = 12; // and the draft that the clip replaces, where there is one
const AREAS = ["slots", "arrangement", "lanes"];
const TRACK = "Sideman";
// Selectors that are one command each, with its type tags; words are joined to one text.
const COMMANDS = {
  generate: ["/sideman/generate", ""],
  next: ["/sideman/next", ""],
  keep: ["/sideman/keep", ""],
  cancel: ["/sideman/cancel", ""],
  play: ["/sideman/play", ""],
  stop: ["/sideman/stop", ""],
  tempo: ["/sideman/tempo", "f"],
  meter: ["/sideman/meter", "ii"],
  bars: ["/sideman/bars", "i"],
  takes: ["/sideman/takes", "i"],
  seed: ["/sideman/seed", "i"],
  key: ["/sideman/key", "s"],
  prompt: ["/sideman/prompt", "s"],
  progression: ["/sideman/chords", "s"],
  engine: ["/sideman/engine", "s"],
  target: ["/sideman/target", "s"],
  trigger: ["/sideman/trigger", "s"],
};

class Link {
  // `send(address, tags, args)` sends to the daemon, `out(...atoms)` goes out of the object, `clock()` is in ms and
  // never goes back, `spellings(path)` are the ways to write a file's path that Live may want, the likeliest first.
  constructor({ send, out, clock, spellings = (path) => [path] }) {
    Object.assign(this, { send, out, clock, spellings });
    this.inLive = false;
    this.run = ""; // the daemon's run that hears us; empty where none does
    this.served = false; // it has taken us as its DAW
    this.known = new Map();
    this.chart = null;
    this.start();
  }

  // Begin anew: another daemon, or the start.
  start() {
    this.greetedAt = -Infinity;
    this.beganAt = this.heardAt = this.clock();
    this.refused = "";
    this.lose();
  }

  lose() {
    if (this.run) {
      this.out("connected", 0);
    }
    this.run = "";
    this.served = false;
  }

  tick() {
    const now = this.clock();
    if (now - this.greetedAt >= GREET_MS) {
      this.greetedAt = now;
      if (this.inLive) {
        this.send("/sideman/daw", "ss", ["Max for Live", VERSION]);
      } else {
        this.send("/sideman/ping", "", []);
      }
    }
    if (now - this.heardAt > SILENCE_MS && this.refused !== "silent") {
      this.refused = "silent";
      this.say(this.run ? "The daemon does not answer any more." : "No daemon. Run: sideman serve --host ableton");
      this.lose();
    }
  }

  // What the object in Live says

  // The Live API is there.
  live(there) {
    this.inLive = Boolean(there);
    this.greetedAt = -Infinity;
  }

  // Something of the set, as a message of the daemon's.
  tell(address, tags = "", ...args) {
    if (this.served && String(address).startsWith("/sideman/")) {
      this.send(String(address), String(tags), args);
    }
  }

  // A chart comes note by note, so that no text is too long for Max.
  chartBegins(kind, length) {
    this.chart = kind === "chords" || kind === "drums" ? { kind, length: Number(length), notes: [] } : null;
  }

  note(pitch, beat, length, velocity) {
    if (this.chart && this.chart.notes.length < MOST_NOTES) {
      this.chart.notes.push({ pitch, beat, length, velocity });
    }
  }

  chartEnds() {
    const { chart } = this;
    this.chart = null;
    if (!chart) {
      return;
    }
    if (chart.kind === "chords") {
      const words = chart.notes.map((note) => `${note.pitch} ${short(note.beat)} ${short(note.length)}`);
      this.send("/sideman/chords/notes", "sf", [words.join(" "), chart.length]);
    } else {
      const words = chart.notes.map((note) => `${note.pitch} ${short(note.beat)} ${Math.round(note.velocity)}`);
      this.send("/sideman/drums/notes", "ssf", [words.join(" "), "", chart.length]);
    }
    this.say(`${chart.notes.length} notes are the ${chart.kind}.`);
  }

  placed(offer, ...where) {
    this.answer(Number(offer), ["/sideman/place/done", "is", [Number(offer), where.join(" ")]]);
  }

  failed(offer, ...why) {
    this.answer(Number(offer), ["/sideman/place/failed", "is", [Number(offer), why.join(" ")]]);
    this.say(why.join(" "));
  }

  answer(offer, message) {
    const key = `${this.run} ${offer}`;
    if (this.known.get(key) === null) {
      this.known.set(key, message);
      this.send(...message);
    }
  }

  // What the user asks for. Tells whether there is such a command.
  command(selector, ...args) {
    const row = COMMANDS[selector];
    if (!row) {
      return false;
    }
    const [address, tags] = row;
    if (tags.length > 1 && args.length !== tags.length) {
      this.say(`${selector} takes ${tags.length} numbers.`);
    } else {
      this.send(address, tags, tags === "s" ? [args.join(" ")] : args.slice(0, tags.length));
    }
    return true;
  }

  close() {
    this.send("/sideman/daw/bye", "", []);
    this.send("/sideman/unsubscribe", "", []);
  }

  // What the daemon says

  heard(address, args) {
    this.heardAt = this.clock();
    if (this.refused === "silent") {
      this.refused = "";
    }
    const answer = ANSWERS[address];
    if (answer) {
      answer.call(this, ...args);
    }
  }

  hosting(run, places) {
    if (run === this.run && this.served) {
      return;
    }
    this.begin(run);
    this.served = true;
    this.say(places ? "Connected." : "Connected; clips are not placed: run sideman serve --host ableton");
    this.out("live", "tell_all");
  }

  begin(run) {
    this.run = run;
    this.refused = "";
    this.send("/sideman/subscribe", "", []);
    this.out("connected", 1);
  }

  pong(version) {
    if (!this.run) {
      this.begin(`version ${version}`);
      this.say("Connected.");
    }
  }

  offered(...args) {
    if (!this.served || args.length < OFFER_ARGUMENTS || args.length > OFFER_ARGUMENTS + 1) {
      return;
    }
    const [offer, , , path, target, start, beats, seconds, tempo, , , again, replaces] = args;
    const key = `${this.run} ${offer}`;
    const answered = this.known.get(key);
    if (answered) {
      this.send(...answered);
    }
    if (this.known.has(key)) {
      return;
    }
    this.known.set(key, null);
    while (this.known.size > MOST_KNOWN) {
      this.known.delete(this.known.keys().next().value);
    }
    const [area, track] = parseTarget(target);
    const name = nameOf(path);
    const steady = Math.abs(seconds - (beats * 60) / tempo) < 0.005 ? 1 : 0;
    if (replaces) {
      this.out("live", "instead", offer, nameOf(replaces));
    }
    this.out("live", "place", offer, name, area, track, start, beats, tempo, steady, again, ...this.spellings(path));
  }

  error(request, code, message) {
    if (code === "daw_taken") {
      this.lose();
      if (this.refused === code) {
        return;
      }
      this.refused = code;
    }
    this.say(message);
  }

  say(text) {
    this.out("status", text);
  }
}

const ANSWERS = {
  "/sideman/hosting": Link.prototype.hosting,
  "/sideman/pong": Link.prototype.pong,
  "/sideman/place": Link.prototype.offered,
  "/sideman/error": Link.prototype.error,
  "/sideman/notice": function notice(request, code, message) {
    this.say(message);
  },
  "/sideman/accepted": function accepted(request) {
    this.say(`${request} waits its turn.`);
  },
  "/sideman/progress": function progress(request, share) {
    this.out("progress", share);
  },
  "/sideman/clip": function clip(request, take, bars, path) {
    this.out("clip", request, take, path);
  },
  "/sideman/placed": function placed(request, take, where) {
    this.out("placed", request, take, where);
    this.say(`Take ${take + 1} is in ${where}.`);
  },
  "/sideman/done": function done(request, clips) {
    this.out("done", request, clips);
  },
  "/sideman/cancelled": function cancelled(request) {
    this.say(`${request} is cancelled.`);
  },
  "/sideman/superseded": function superseded(request, by) {
    this.say(`${request} gives way to ${by}.`);
  },
  "/sideman/kept": function kept(request, take) {
    this.say(`Take ${take + 1} of ${request} is kept.`);
  },
  "/sideman/score": function score(request, take, chords, drums, tempo, total) {
    this.out("score", request, take, total);
  },
};

// `AREA:TRACK`, `AREA` or `:TRACK` as the daemon writes it.
function parseTarget(target) {
  const [area, ...rest] = target.split(":");
  return [AREAS.includes(area) ? area : AREAS[0], rest.join(":").trim() || TRACK];
}

// A clip's name: that of its file.
function nameOf(path) {
  return path.split(/[\\/]/).pop().replace(/\.[^.]*$/, "");
}

function short(value) {
  return String(Number(Number(value).toFixed(6)));
}

module.exports = { COMMANDS, GREET_MS, Link, SILENCE_MS, parseTarget };
