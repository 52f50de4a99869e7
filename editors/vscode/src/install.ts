import { readdir } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { installation, type Run } from "./installation";
import { complain } from "./messages";
import { findInterpreter, outputOf, run } from "./python";
import type { Server } from "./server";

/** Installs the greenlint that this extension brings, in `folder`, where the server is to run, and starts it. */
export async function install(server: Server, folder: string, log: vscode.LogOutputChannel): Promise<void> {
  const found = await findInterpreter();
  if (!("python" in found)) return complain(found.message, "chooseInterpreter");
  const { python } = found;
  const wanted = await planned(python, folder);
  if (wanted === undefined) {
    return complain(`greenlint: ${python} has no pip, and there is no uv to do without. Choose another interpreter.`, "chooseInterpreter");
  }
  const progress = { location: vscode.ProgressLocation.Notification, title: `Installing greenlint for ${python}` };
  if (await vscode.window.withProgress(progress, () => logged(wanted, log))) await server.restart();
  else complain(`greenlint could not be installed for ${python}. The log says why.`, "chooseInterpreter");
}

async function planned(python: string, folder: string): Promise<Run | undefined> {
  const wheel = (await readdir(folder)).find((each) => each.endsWith(".whl"));
  if (wheel === undefined) throw new Error(`${folder} has no wheel`);
  const pip = (await outputOf(python, ["-m", "pip", "--version"])) !== undefined;
  const uv = (await outputOf("uv", ["--version"])) !== undefined;
  return installation(python, path.join(folder, wheel), { pip, uv });
}

/** Runs a command, with all it says in the log; whether it succeeded. */
async function logged({ command, args }: Run, log: vscode.LogOutputChannel): Promise<boolean> {
  log.info([command, ...args].join(" "));
  try {
    const { stdout, stderr } = await run(command, args);
    log.info(`${stdout}${stderr}`.trim());
    return true;
  } catch (error) {
    log.error(String(error));
    return false;
  }
}
