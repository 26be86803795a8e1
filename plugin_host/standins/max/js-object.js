// A stand-in for Max's object `js`: it runs a script unchanged, with the functions that Max gives it.
//
// `send` is a message into the inlet, `outlets` what came out, `run` lets the tasks of the script run once and Live's own
// deferred work after them.

"use strict";

const fs = require("fs");
const vm = require("vm");
const { liveApiOf } = require("./live-set.js");

class JsObject {
  // `set` null is Max without Live: its LiveAPI finds no object.
  constructor(file, set) {
    this.set = set;
    this.outlets = [];
    this.tasks = new Set();
    this.now = 1000;
    const object = this;
    class Task {
      constructor(run, context) {
        Object.assign(this, { work: run, context, interval: 500 });
      }

      repeat() {
        object.tasks.add(this);
      }

      cancel() {
        object.tasks.delete(this);
      }
    }
    class Clock extends Date {
      static now() {
        return object.now;
      }
    }
    this.context = vm.createContext({
      LiveAPI: set ? liveApiOf(set) : noLive(),
      Task,
      Date: Clock,
      arrayfromargs: (...lists) => lists.flatMap((list) => Array.from(list)),
      outlet: (index, ...atoms) => this.out(index, atoms),
      post: () => {},
    });
    vm.runInContext(fs.readFileSync(file, "utf8"), this.context, { filename: file });
  }

  out(index, atoms) {
    for (const atom of atoms) {
      if (index !== 0 || !["string", "number"].includes(typeof atom) || Number.isNaN(atom)) {
        throw new TypeError(`outlet ${index} cannot send ${String(atom)}`);
      }
    }
    this.outlets.push(atoms);
    if (this.onOutlet) {
      this.onOutlet(atoms);
    }
  }

  send(selector, ...atoms) {
    const found = this.context[selector];
    if (typeof found !== "function") {
      throw new Error(`js: no function ${selector}`);
    }
    found.apply(this.context, atoms);
  }

  run(ms = 100) {
    this.now += ms;
    for (const task of [...this.tasks]) {
      task.work.call(task.context);
    }
    if (this.set) {
      this.set.settle();
    }
  }
}

function noLive() {
  return class LiveAPI {
    constructor() {
      this.id = "0";
      this.info = "No object";
    }
  };
}

module.exports = { JsObject };
