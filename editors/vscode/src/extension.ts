import * as vscode from "vscode";
import { explain } from "./explain";
import { answerForProse, fixAll, fixAllInNotebook } from "./fixAll";
import { chooseByHand, onInterpreterChange } from "./python";
import { Server } from "./server";
import { Status } from "./status";

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("greenlint", { log: true });
  const status = new Status();
  const started = (server = new Server(context.asAbsolutePath("launch/start.py"), log, status));
  const commands = {
    restart: () => started.restart(),
    showLog: () => log.show(),
    chooseInterpreter: chooseByHand,
    fixAll,
    fixAllInNotebook,
    explainRule: () => explain(started),
  };
  context.subscriptions.push(
    log,
    status,
    answerForProse(),
    ...Object.entries(commands).map(([name, run]) => vscode.commands.registerCommand(`greenlint.${name}`, run)),
    await onInterpreterChange(() => void started.restart()),
  );
  await started.restart();
}

/** VS Code waits for this, and not for what is disposed of. */
export async function deactivate(): Promise<void> {
  await server?.stop();
}
