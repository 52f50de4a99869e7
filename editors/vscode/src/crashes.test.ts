import assert from "node:assert/strict";
import { test } from "node:test";
import { Crashes } from "./crashes";

test("a server that ends again and again is left alone", () => {
  const crashes = new Crashes();
  assert.deepEqual([0, 1, 2, 3, 4].map((second) => crashes.again(second * 1000)), [true, true, true, true, false]);
});

test("a server that ends now and then is started again", () => {
  const crashes = new Crashes();
  for (let minute = 0; minute < 60; minute++) assert.equal(crashes.again(minute * 60_000), true);
});
