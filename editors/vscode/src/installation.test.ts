import assert from "node:assert/strict";
import { test } from "node:test";
import { installation } from "./installation";

const WANTED = "greenlint-ml[lsp] @ file:///a%20b/greenlint.whl";

test("pip of the interpreter comes first", () => {
  const run = installation("/a/python", "/a b/greenlint.whl", { pip: true, uv: true });
  assert.deepEqual(run, { command: "/a/python", args: ["-m", "pip", "install", "--disable-pip-version-check", WANTED] });
});

test("uv installs where there is no pip", () => {
  const run = installation("/a/python", "/a b/greenlint.whl", { pip: false, uv: true });
  assert.deepEqual(run, { command: "uv", args: ["pip", "install", "--python", "/a/python", WANTED] });
});

test("without both nothing can be installed", () => assert.equal(installation("/a/python", "/w.whl", { pip: false, uv: false }), undefined));
