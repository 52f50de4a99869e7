import path from "node:path";
import { pathToFileURL } from "node:url";

/** A command line. */
export interface Run {
  readonly command: string;
  readonly args: readonly string[];
}

/** What there is to install with: in the interpreter itself, pip and the module that makes environments; on PATH, uv. */
export interface Tools {
  readonly pip: boolean;
  readonly venv: boolean;
  readonly uv: boolean;
}

/** Prints which tools an interpreter has; Debian's has `venv` without `ensurepip`, which that needs. */
export const TOOLS_PROBE =
  "from importlib.util import find_spec; print(*(n for n in ('pip', 'venv', 'ensurepip') if find_spec(n) is not None))";

export function toolsOf(printed: string, uv: boolean): Tools {
  const modules = printed.split(/\s+/);
  return { pip: modules.includes("pip"), venv: modules.includes("venv") && modules.includes("ensurepip"), uv };
}

/** How to install a wheel, and what its language server needs, into an interpreter; environments made by uv have no pip. */
export function intoInterpreter(python: string, wheel: string, tools: Tools): readonly Run[] | undefined {
  if (tools.pip) return [byPip(python, wheel)];
  if (tools.uv) return [byUv(python, wheel)];
  return undefined;
}

/** How to install it into an environment of its own, made with an interpreter. */
export function intoFolder(python: string, folder: string, wheel: string, tools: Tools): readonly Run[] | undefined {
  const own = pythonIn(folder);
  if (tools.venv) return [{ command: python, args: ["-m", "venv", folder] }, byPip(own, wheel)];
  if (tools.uv) return [{ command: "uv", args: ["venv", "--python", python, folder] }, byUv(own, wheel)];
  return undefined;
}

/** The interpreter of an environment. */
export function pythonIn(folder: string): string {
  return process.platform === "win32" ? path.join(folder, "Scripts", "python.exe") : path.join(folder, "bin", "python");
}

function byPip(python: string, wheel: string): Run {
  return { command: python, args: ["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off", wanted(wheel)] };
}

function byUv(python: string, wheel: string): Run {
  return { command: "uv", args: ["pip", "install", "--python", python, wanted(wheel)] };
}

function wanted(wheel: string): string {
  return `greenlint-ml[lsp] @ ${pathToFileURL(wheel).href}`;
}
