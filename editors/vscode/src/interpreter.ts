/** Where an interpreter may be named; what is missing or blank does not count. */
export interface Candidates {
  readonly setting: string | undefined;
  readonly pythonExtension: string | undefined;
  readonly onPath: readonly string[];
}

/** Why the server cannot be started: a few words for the status item, and a message. */
export interface Problem {
  readonly summary: string;
  readonly message: string;
  /** Whether installing greenlint would help. */
  readonly installable?: boolean;
}

/** Prints which of the modules that the server needs an interpreter lacks. */
export const PROBE = "from importlib.util import find_spec; print(*(n for n in ('greenlint', 'pygls') if find_spec(n) is None))";

export const NO_PYTHON: Problem = { summary: "no Python", message: "greenlint: no Python found. Choose an interpreter." };

/** The interpreter to start the server with: the setting's, the Python extension's, the first one on PATH. */
export function chooseInterpreter(candidates: Candidates): string | undefined {
  const named = [candidates.setting, candidates.pythonExtension, ...candidates.onPath];
  return named.map((each) => each?.trim()).find((each) => each !== undefined && each !== "");
}

/** A path in a setting, with the folder of the workspace filled in. */
export function expand(path: string, folder: string | undefined): string {
  return folder === undefined ? path : path.replaceAll("${workspaceFolder}", () => folder);
}

/** What is wrong with an interpreter for which `PROBE` printed this; `undefined` output: it did not run. */
export function problemOf(interpreter: string, printed: string | undefined): Problem | undefined {
  if (printed === undefined) {
    return { summary: "Python does not run", message: `greenlint: ${interpreter} does not run. Choose another interpreter.` };
  }
  const missing = printed.split(/\s+/).filter((each) => each !== "");
  if (missing.length === 0) return undefined;
  const [summary, what] = missing.includes("greenlint")
    ? ["not installed", "greenlint is not installed"]
    : ["language server not installed", "greenlint is installed without its language server"];
  return { summary, message: `${what} for ${interpreter}.`, installable: true };
}
