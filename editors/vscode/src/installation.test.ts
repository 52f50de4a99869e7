import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { intoFolder, intoInterpreter, pythonIn, TOOLS_PROBE, toolsOf } from "./installation";

const [PYTHON, OWN, WHEEL] = ["/a/python", "/own", "/a b/greenlint.whl"];
const WANTED = "greenlint-ml[lsp] @ file:///a%20b/greenlint.whl";
const ALL = { pip: true, venv: true, uv: true };
const byPip = (python: string) => ({ command: python, args: ["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off", WANTED] });
const byUv = (python: string) => ({ command: "uv", args: ["pip", "install", "--python", python, WANTED] });

test("the interpreter's own tools come first", () => {
  assert.deepEqual(intoInterpreter(PYTHON, WHEEL, ALL), [byPip(PYTHON)]);
  const made = { command: PYTHON, args: ["-m", "venv", OWN] };
  assert.deepEqual(intoFolder(PYTHON, OWN, WHEEL, ALL), [made, byPip(pythonIn(OWN))]);
});

test("uv does what the interpreter cannot do", () => {
  const tools = { pip: false, venv: false, uv: true };
  assert.deepEqual(intoInterpreter(PYTHON, WHEEL, tools), [byUv(PYTHON)]);
  const made = { command: "uv", args: ["venv", "--python", PYTHON, OWN] };
  assert.deepEqual(intoFolder(PYTHON, OWN, WHEEL, tools), [made, byUv(pythonIn(OWN))]);
});

test("without tools nothing can be installed", () => {
  const none = { pip: false, venv: false, uv: false };
  assert.equal(intoInterpreter(PYTHON, WHEEL, none), undefined);
  assert.equal(intoFolder(PYTHON, OWN, WHEEL, none), undefined);
});

test("the tools of a Python are found", () => {
  assert.deepEqual(toolsOf("pip venv ensurepip\n", false), { pip: true, venv: true, uv: false });
  assert.deepEqual(toolsOf("venv\n", true), { pip: false, venv: false, uv: true });
  const printed = execFileSync("python3", ["-I", "-S", "-c", TOOLS_PROBE], { encoding: "utf-8" });
  assert.equal(toolsOf(printed, false).pip, false);
});
