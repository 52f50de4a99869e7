import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { intoFolder, intoInterpreter, type Run, TOOLS_PROBE, toolsOf } from "./installation";
import { complain } from "./messages";
import { findInterpreter, isNamed, outputOf, run } from "./python";
import type { Server } from "./server";

/** Where the extension keeps the greenlint that it brings, and the environment that it may make for it. */
export interface Places {
  readonly wheels: string;
  readonly environment: string;
}

/**
 * Installs the greenlint that the extension brings, and starts the server: into the interpreter that the settings name,
 * else into an environment of its own, for not every interpreter lets packages in, and a project may not want this one.
 */
export async function install(server: Server, places: Places, log: vscode.LogOutputChannel): Promise<void> {
  const found = await findInterpreter();
  if (!("python" in found)) return complain(found.message, "chooseInterpreter");
  const { python } = found;
  const runs = await planned(python, places);
  if (runs === undefined) {
    return complain(`greenlint: ${python} has nothing to install packages with, and there is no uv.`, "chooseInterpreter");
  }
  if (!isNamed()) {
    await server.stop();
    await emptied(places.environment);
  }
  const progress = { location: vscode.ProgressLocation.Notification, title: "Installing greenlint" };
  if (await vscode.window.withProgress(progress, () => succeed(runs, log))) await server.restart();
  else complain("greenlint could not be installed. The log says why.", "chooseInterpreter");
}

async function planned(python: string, { wheels, environment }: Places): Promise<readonly Run[] | undefined> {
  const name = (await readdir(wheels)).find((each) => each.endsWith(".whl"));
  if (name === undefined) throw new Error(`${wheels} has no wheel`);
  const wheel = path.join(wheels, name);
  const tools = toolsOf((await outputOf(python, ["-c", TOOLS_PROBE])) ?? "", (await outputOf("uv", ["--version"])) !== undefined);
  return isNamed() ? intoInterpreter(python, wheel, tools) : intoFolder(python, environment, wheel, tools);
}

/** Removes an environment, and those of other versions beside it. */
async function emptied(environment: string): Promise<void> {
  await rm(path.dirname(environment), { recursive: true, force: true });
  await mkdir(path.dirname(environment), { recursive: true });
}

/** Runs commands one after the other, with all they say in the log, until one fails; whether none did. */
async function succeed(runs: readonly Run[], log: vscode.LogOutputChannel): Promise<boolean> {
  try {
    for (const { command, args } of runs) {
      log.info([command, ...args].join(" "));
      const { stdout, stderr } = await run(command, args);
      const said = `${stdout}${stderr}`.trim();
      if (said !== "") log.info(said);
    }
    return true;
  } catch (error) {
    log.error(String(error));
    return false;
  }
}
