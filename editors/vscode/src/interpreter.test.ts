import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { chooseInterpreter, expand, PROBE, problemOf } from "./interpreter";

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

test("an interpreter that has everything has no problem", () => assert.equal(problemOf("/a/python", "\n"), undefined));

test("each problem names the interpreter and what it lacks", () => {
  assert.match(problemOf("/a/python", undefined)?.message ?? "", /\/a\/python does not run/);
  assert.match(problemOf("/a/python", "greenlint pygls\n")?.message ?? "", /not installed for \/a\/python/);
  assert.match(problemOf("/a/python", "pygls\n")?.message ?? "", /without its language server for \/a\/python/);
});

test("installing helps an interpreter that runs", () => {
  assert.equal(problemOf("/a/python", "pygls\n")?.installable, true);
  assert.notEqual(problemOf("/a/python", undefined)?.installable, true);
});

test("a Python without greenlint says so", () => {
  const printed = execFileSync("python3", ["-I", "-S", "-c", PROBE], { encoding: "utf-8" });
  assert.equal(problemOf("python3", printed)?.summary, "not installed");
});
