/** Where an interpreter may be named; what is missing or blank does not count. */
export interface Candidates {
  readonly setting: string | undefined;
  readonly pythonExtension: string | undefined;
  readonly onPath: readonly string[];
}

/** The interpreter to start the server with: the setting's, the Python extension's, the first one on PATH. */
export function chooseInterpreter(candidates: Candidates): string | undefined {
  const named = [candidates.setting, candidates.pythonExtension, ...candidates.onPath];
  return named.map((each) => each?.trim()).find((each) => each !== undefined && each !== "");
}

/** A path in a setting, with the folder of the workspace filled in. */
export function expand(path: string, folder: string | undefined): string {
  return folder === undefined ? path : path.replaceAll("${workspaceFolder}", () => folder);
}

/** What to say when an interpreter cannot run the server. */
export function missingMessage(interpreter: string): string {
  return `greenlint is not installed for ${interpreter}: run "${interpreter}" -m pip install "greenlint-ml[lsp]", or set greenlint.interpreter.`;
}
