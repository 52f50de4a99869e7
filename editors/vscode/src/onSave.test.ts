import assert from "node:assert/strict";
import { test } from "node:test";
import { asksFor } from "./onSave";

const KIND = "notebook.source.fixAll.greenlint";

test("the kind and those above it are asked for", () => {
  for (const name of [KIND, "notebook.source.fixAll", "notebook.source", "notebook"]) {
    assert.equal(asksFor({ [name]: "explicit" }, KIND), true, name);
    assert.equal(asksFor({ [name]: true }, KIND), true, name);
    assert.equal(asksFor([name], KIND), true, name);
  }
});

test("other kinds are not", () => {
  for (const name of ["source.fixAll.greenlint", "notebook.source.fixAll.green", "notebook.source.organizeImports", ""]) {
    assert.equal(asksFor({ [name]: "explicit" }, KIND), false, name);
  }
  for (const setting of [undefined, null, "notebook", {}, []]) assert.equal(asksFor(setting, KIND), false);
});

test("the most specific entry decides", () => {
  assert.equal(asksFor({ "notebook.source.fixAll": "explicit", [KIND]: "never" }, KIND), false);
  assert.equal(asksFor({ [KIND]: "explicit", "notebook.source": false }, KIND), true);
});
