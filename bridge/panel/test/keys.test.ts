import { expect, it } from "vitest";
import { actionOf, KEYS } from "../src/keys";

const press = (key: string, more = {}) => ({ key, ctrlKey: false, metaKey: false, altKey: false, ...more });

it("every key has an action of its own, and none while something is written or with a modifier", () => {
  const actions = Object.keys(KEYS).map((key) => actionOf(press(key), false));
  expect(new Set(actions).size).toBe(Object.keys(KEYS).length);
  for (const key of Object.keys(KEYS)) {
    expect(actionOf(press(key), true)).toBeNull();
    expect(actionOf(press(key, { ctrlKey: true }), false)).toBeNull();
  }
  expect(actionOf(press("q"), false)).toBeNull();
});

