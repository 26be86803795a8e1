// OSC 1.0 messages to bytes and back: the part of the format that the daemon and this device exchange.
//
// Numbers are i, f, h and d, text is s, and T, F and N are read; bundles and blobs are not. No package is needed for it,
// so that nobody has to install one.

"use strict";

const CONSTANTS = { T: true, F: false, N: null };
const SIZES = { i: 4, f: 4, h: 8, d: 8 };

// One message; `tags` has a type tag for each argument. Throws a RangeError where they do not fit.
function encode(address, tags, args) {
  if (tags.length !== args.length) {
    throw new RangeError(`${address} has ${args.length} arguments for the tags "${tags}"`);
  }
  const parts = [text(address), text("," + tags)];
  args.forEach((value, index) => parts.push(argument(address, tags[index], value)));
  return Buffer.concat(parts);
}

function argument(address, tag, value) {
  if (tag === "s") {
    return text(String(value));
  }
  if (!(tag in SIZES) || !Number.isFinite(Number(value))) {
    throw new RangeError(`${address}: ${value} cannot be sent with the tag ${tag}`);
  }
  const bytes = Buffer.alloc(SIZES[tag]);
  if (tag === "f") {
    bytes.writeFloatBE(Number(value));
  } else if (tag === "d") {
    bytes.writeDoubleBE(Number(value));
  } else if (tag === "h") {
    bytes.writeBigInt64BE(BigInt(Math.trunc(Number(value))));
  } else {
    bytes.writeInt32BE(Math.trunc(Number(value)));
  }
  return bytes;
}

// Text as UTF-8, ended and filled up with zeros; what OSC cannot carry becomes a question mark.
function text(value) {
  const bytes = Buffer.from(value.replace(/\0/g, "?"), "utf8");
  return Buffer.concat([bytes, Buffer.alloc(4 - (bytes.length % 4))]);
}

// { address, args } of one message. Throws a RangeError for bytes that are no such message.
function decode(bytes) {
  const reader = { bytes, at: 0 };
  const address = readText(reader);
  if (!address.startsWith("/")) {
    throw new RangeError("an OSC message begins with its address");
  }
  const tags = readText(reader);
  if (!tags.startsWith(",")) {
    throw new RangeError("there is no type tag string");
  }
  const args = Array.from(tags.slice(1), (tag) => (tag in CONSTANTS ? CONSTANTS[tag] : readArgument(reader, tag)));
  if (reader.at !== bytes.length) {
    throw new RangeError("bytes follow the last argument");
  }
  return { address, args };
}

function readText(reader) {
  const end = reader.bytes.indexOf(0, reader.at);
  const after = reader.at + Math.floor((end - reader.at) / 4) * 4 + 4;
  if (end < 0 || after > reader.bytes.length) {
    throw new RangeError("a string is cut short");
  }
  const value = reader.bytes.toString("utf8", reader.at, end);
  reader.at = after;
  return value;
}

function readArgument(reader, tag) {
  if (tag === "s") {
    return readText(reader);
  }
  const { bytes, at } = reader;
  if (!(tag in SIZES)) {
    throw new RangeError(`the type tag ${tag} is not read`);
  }
  if (at + SIZES[tag] > bytes.length) {
    throw new RangeError("a number is cut short");
  }
  reader.at += SIZES[tag];
  switch (tag) {
    case "f":
      return bytes.readFloatBE(at);
    case "d":
      return bytes.readDoubleBE(at);
    case "h":
      return Number(bytes.readBigInt64BE(at));
    default:
      return bytes.readInt32BE(at);
  }
}

module.exports = { decode, encode };
