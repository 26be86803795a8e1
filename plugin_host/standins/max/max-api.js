// A stand-in for the module max-api, which Max gives to the programs of node.script.
//
// Programs use it as they use Max's. Tests use `standin`: `deliver` is a message into the object's inlet, `outlets` are
// the messages that came out of it, `posts` what is in Max's window. As in Max, a message without a handler is an error,
// and only what Max has as atoms can go out: numbers and symbols.

"use strict";

const { EventEmitter } = require("events");

const POST_LEVELS = { INFO: "info", WARN: "warn", ERROR: "error" };
const MESSAGE_TYPES = { ALL: "all", BANG: "bang", DICT: "dict", LIST: "list", NUMBER: "number" };
const MAX_ENV = { MAX: "max", MAX_FOR_LIVE: "maxforlive", STANDALONE: "max:standalone" };

const handlers = new Map();
const events = new EventEmitter();
const standin = {
  outlets: [],
  posts: [],
  events,
  deliver(selector, ...atoms) {
    const found = handlers.get(selector);
    if (!found) {
      throw new Error(`node.script: no handler for ${selector}`);
    }
    atoms.forEach(checkAtom);
    return found(...atoms);
  },
};

function checkAtom(atom) {
  const good = typeof atom === "string" || (typeof atom === "number" && Number.isFinite(atom));
  if (!good) {
    throw new TypeError(`${String(atom)} is no Max atom`);
  }
}

function addHandler(selector, handler) {
  if (typeof selector !== "string" || typeof handler !== "function") {
    throw new TypeError("addHandler(selector, function)");
  }
  handlers.set(selector, handler);
}

function addHandlers(all) {
  Object.entries(all).forEach(([selector, handler]) => addHandler(selector, handler));
}

function removeHandlers(selector) {
  handlers.delete(selector);
}

async function outlet(...atoms) {
  atoms.forEach(checkAtom);
  standin.outlets.push(atoms);
  events.emit("outlet", atoms);
}

async function post(...words) {
  standin.posts.push(words);
}

module.exports = {
  MAX_ENV,
  MESSAGE_TYPES,
  POST_LEVELS,
  addHandler,
  addHandlers,
  outlet,
  outletBang: () => outlet("bang"),
  post,
  removeHandlers,
  standin,
};
