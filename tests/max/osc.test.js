// OSC as bytes: against the examples of the OSC 1.0 specification, both ways, and bytes that are none.

"use strict";

const assert = require("node:assert/strict");
const path = require("path");
const { test } = require("node:test");
const { decode, encode } = require(path.join(require("./where.js").patchers, "sideman-osc.js"));

test("the specification's examples come out to the byte", () => {
  assert.equal(
    encode("/oscillator/4/frequency", "f", [440]).toString("hex"),
    "2f6f7363696c6c61746f722f342f6672657175656e6379002c66000043dc0000",
  );
  assert.equal(
    encode("/foo", "iisff", [1000, -1, "hello", 1.234, 5.678]).toString("hex"),
    "2f666f6f000000002c69697366660000000003e8ffffffff68656c6c6f0000003f9df3b640b5b22d",
  );
});

test("what is encoded is decoded", () => {
  const texts = ["", "a", "abc", "abcd", "bossa nova", "Ünï 🎸 日本", "x".repeat(5000)];
  for (const text of texts) {
    const message = decode(encode("/a/b", "sihd", [text, -7, 2 ** 40, 0.1]));
    assert.deepEqual(message, { address: "/a/b", args: [text, -7, 2 ** 40, 0.1] });
  }
  assert.deepEqual(decode(encode("/a", "s", ["a\0b"])).args, ["a?b"]);
});

test("true, false and nil are read", () => {
  assert.deepEqual(decode(Buffer.from("/a\0\0,TFN\0\0\0\0", "latin1")).args, [true, false, null]);
});

test("what does not fit is refused", () => {
  for (const [tags, args] of [["i", []], ["", [1]], ["f", ["x"]], ["f", [NaN]], ["b", [1]], ["i", [2 ** 31]]]) {
    assert.throws(() => encode("/a", tags, args), RangeError);
  }
});

test("any bytes are a message or one error", () => {
  const good = encode("/foo/bar", "isfd", [1, "text", 2.5, 3.5]);
  let seed = 1;
  const random = () => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647;
  };
  let refused = 0;
  for (let round = 0; round < 3000; round += 1) {
    const bytes = Buffer.from(good.subarray(0, Math.floor(random() * (good.length + 1))));
    for (let change = 0; change < round % 4 && bytes.length; change += 1) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    try {
      const { address, args } = decode(bytes);
      assert.ok(address.startsWith("/") && Array.isArray(args));
    } catch (error) {
      assert.ok(error instanceof RangeError, error);
      refused += 1;
    }
  }
  assert.ok(refused > 1000);
});
