import * as vscode from "vscode";
import { explain } from "./explain";
import { fixAll, fixAllInNotebook, fixOnSave } from "./fixAll";
import { install, type Places } from "./install";
import { pythonIn } from "./installation";
import { complain } from "./messages";
import { chooseByHand, onInterpreterChange } from "./python";
import { Server } from "./server";
import { Status } from "./status";

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("greenlint", { log: true });
  const status = new Status();
  const places = placesOf(context);
  const own = pythonIn(places.environment);
  const started = (server = new Server(context.asAbsolutePath("launch/start.py"), own, log, status));
  const commands = {
    install: () => install(started, places, log),
    restart: () => started.restart(),
    showLog: () => log.show(),
    chooseInterpreter: chooseByHand,
    fixAll: () => whenRunning(started, fixAll),
    fixAllInNotebook: () => whenRunning(started, fixAllInNotebook),
    explainRule: () => whenRunning(started, explain),
  };
  context.subscriptions.push(
    log,
    status,
    fixOnSave(started),
    ...Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(`greenlint.${name}`, run)),
    await onInterpreterChange(() => void started.follow()),
  );
  await started.restart();
}

function placesOf(context: vscode.ExtensionContext): Places {
  const { version } = context.extension.packageJSON as { version: string };
  const environments = vscode.Uri.joinPath(context.globalStorageUri, "environments");
  return { wheels: context.asAbsolutePath("wheel"), environment: vscode.Uri.joinPath(environments, version).fsPath };
}

async function whenRunning(wanted: Server, run: (server: Server) => Promise<void>): Promise<void> {
  await wanted.settled;
  if (wanted.running) await run(wanted);
  else complain("greenlint: the server is not running.", "restart");
}

/** VS Code waits for this, and not for what is disposed of. */
export async function deactivate(): Promise<void> {
  await server?.stop();
}
