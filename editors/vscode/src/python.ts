import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { chooseInterpreter, expand, NO_PYTHON, PROBE, type Problem, problemOf } from "./interpreter";

/** Runs a program; rejects, with what it said, when it fails. */
export const run = promisify(execFile);

interface EnvironmentPath {
  readonly path: string;
}

/** The part of the Python extension's interface that is used here. */
interface Environments {
  readonly onDidChangeActiveEnvironmentPath: vscode.Event<EnvironmentPath>;
  getActiveEnvironmentPath(resource?: vscode.Uri): EnvironmentPath;
  resolveEnvironment(environment: EnvironmentPath): Promise<{ readonly executable: { readonly uri?: vscode.Uri } } | undefined>;
}

/** What a program prints; `undefined` when it fails or cannot be run. */
export async function outputOf(command: string, args: readonly string[], cwd?: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(command, [...args], { timeout: 30_000, maxBuffer: 2 ** 26, cwd });
    return stdout;
  } catch {
    return undefined;
  }
}

export function firstFolder(): vscode.Uri | undefined {
  return vscode.workspace.workspaceFolders?.[0]?.uri;
}

/** An interpreter to start the server with, and what is wrong with it. */
export interface Interpreter {
  readonly python: string;
  readonly problem?: Problem;
}

/**
 * The interpreter that counts; where that has no greenlint and is not the one that the settings name, the one that `own`
 * names in its place, if it is usable.
 */
export async function findInterpreter(own?: string): Promise<Interpreter | Problem> {
  const found = await first();
  const usable = "python" in found && found.problem === undefined;
  if (usable || own === undefined || isNamed()) return found;
  return problemOf(own, await outputOf(own, ["-c", PROBE])) === undefined ? { python: own } : found;
}

/** Whether the settings name an interpreter. */
export function isNamed(): boolean {
  return settingOf(firstFolder()).trim() !== "";
}

async function first(): Promise<Interpreter | Problem> {
  const folder = firstFolder();
  const named = { setting: expand(settingOf(folder), folder?.fsPath), pythonExtension: await fromPythonExtension(folder) };
  const python = chooseInterpreter({ ...named, onPath: [] }) ?? chooseInterpreter({ ...named, onPath: await onPath() });
  if (python === undefined) return NO_PYTHON;
  return { python, problem: problemOf(python, await outputOf(python, ["-c", PROBE])) };
}

/** Calls back when another interpreter counts: by the setting, or by the Python extension's choice. */
export async function onInterpreterChange(changed: () => void): Promise<vscode.Disposable> {
  const setting = vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration("greenlint.interpreter")) changed();
  });
  const choice = (await environments())?.onDidChangeActiveEnvironmentPath(() => {
    if (!isNamed()) changed();
  });
  return vscode.Disposable.from(setting, ...(choice === undefined ? [] : [choice]));
}

/** Lets the user choose: where the Python extension decides there, else in the settings. */
export async function chooseByHand(): Promise<void> {
  if (!isNamed() && (await environments()) !== undefined) {
    await vscode.commands.executeCommand("python.setInterpreter");
  } else {
    // On a remote machine the settings of the user do not show those of the machine; those of the workspace do.
    const where = firstFolder() === undefined ? "openSettings" : "openWorkspaceSettings";
    await vscode.commands.executeCommand(`workbench.action.${where}`, { query: "greenlint.interpreter" });
  }
}

function settingOf(folder: vscode.Uri | undefined): string {
  return vscode.workspace.getConfiguration("greenlint", folder).get<string>("interpreter", "");
}

async function environments(): Promise<Environments | undefined> {
  const found = vscode.extensions.getExtension<{ readonly environments?: Environments }>("ms-python.python");
  try {
    return (await found?.activate())?.environments;
  } catch {
    // It is shown elsewhere that it does not work; there are other ways to an interpreter.
    return undefined;
  }
}

async function fromPythonExtension(folder: vscode.Uri | undefined): Promise<string | undefined> {
  const known = await environments();
  if (known === undefined) return undefined;
  const active = known.getActiveEnvironmentPath(folder);
  // The path may be that of the environment's folder.
  return (await known.resolveEnvironment(active))?.executable.uri?.fsPath;
}

async function onPath(): Promise<string[]> {
  const found: string[] = [];
  for (const each of ["python3", "python"]) {
    if ((await outputOf(each, ["--version"])) !== undefined) found.push(each);
  }
  return found;
}
