import assert from "node:assert/strict";
import { test } from "node:test";
import { chooseInterpreter, expand, missingMessage } from "./interpreter";

test("the setting comes first, then the Python extension, then PATH", () => {
  const all = { setting: "/a", pythonExtension: "/b", onPath: ["python3"] };
  assert.equal(chooseInterpreter(all), "/a");
  assert.equal(chooseInterpreter({ ...all, setting: " " }), "/b");
  assert.equal(chooseInterpreter({ ...all, setting: "", pythonExtension: undefined }), "python3");
  assert.equal(chooseInterpreter({ setting: "", pythonExtension: "", onPath: [] }), undefined);
});

test("the folder of the workspace is filled in literally", () => {
  assert.equal(expand("${workspaceFolder}/.venv/bin/python", "/w/$&"), "/w/$&/.venv/bin/python");
  assert.equal(expand("python", undefined), "python");
});

test("the message names the interpreter", () => assert.match(missingMessage("/a/python"), /\/a\/python/));
