import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";
import { LanguageClient, State } from "vscode-languageclient/node";
import { chooseInterpreter, expand, missingMessage } from "./interpreter";

const run = promisify(execFile);
let client: LanguageClient | undefined;

interface PythonApi {
  readonly environments?: { getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string } };
}

async function works(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, [...args], { timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}

async function pythonExtension(folder: vscode.Uri | undefined): Promise<string | undefined> {
  const found = vscode.extensions.getExtension<PythonApi>("ms-python.python");
  const api = await found?.activate();
  return api?.environments?.getActiveEnvironmentPath(folder).path;
}

async function interpreter(): Promise<string | undefined> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const setting = vscode.workspace.getConfiguration("greenlint", folder).get<string>("interpreter", "");
  const onPath: string[] = [];
  for (const each of ["python3", "python"]) {
    if (await works(each, ["--version"])) onPath.push(each);
  }
  return chooseInterpreter({
    setting: expand(setting, folder?.fsPath),
    pythonExtension: await pythonExtension(folder),
    onPath,
  });
}

async function start(log: vscode.OutputChannel, status: vscode.LanguageStatusItem): Promise<void> {
  const python = await interpreter();
  const problem = python === undefined ? "greenlint: no Python found; set greenlint.interpreter." : missingMessage(python);
  if (python === undefined || !(await works(python, ["-c", "import greenlint, pygls"]))) {
    status.text = "greenlint: not running";
    status.severity = vscode.LanguageStatusSeverity.Error;
    log.appendLine(problem);
    void vscode.window.showErrorMessage(problem);
    return;
  }
  client = new LanguageClient(
    "greenlint",
    "greenlint",
    { command: python, args: ["-m", "greenlint", "server"] },
    {
      documentSelector: [{ language: "python", scheme: "file" }, { language: "python", scheme: "untitled" }, { notebook: "*", language: "python" }],
      outputChannel: log,
      synchronize: { configurationSection: "greenlint" },
      initializationOptions: { settings: { trusted: vscode.workspace.isTrusted } },
    },
  );
  client.onDidChangeState(({ newState }) => {
    const running = newState === State.Running;
    status.text = running ? "greenlint" : "greenlint: not running";
    status.detail = python;
    status.severity = running ? vscode.LanguageStatusSeverity.Information : vscode.LanguageStatusSeverity.Warning;
  });
  await client.start();
}

async function stop(): Promise<void> {
  const running = client;
  client = undefined;
  await running?.dispose();
}

async function explain(): Promise<void> {
  const rule = await vscode.window.showInputBox({ prompt: "Name of the rule" });
  if (rule) await vscode.commands.executeCommand("greenlint.openPage", rule);
}

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("greenlint");
  const status = vscode.languages.createLanguageStatusItem("greenlint", { language: "python" });
  status.name = "greenlint";
  status.command = { title: "Show log", command: "greenlint.showLog" };
  const restart = async (): Promise<void> => {
    await stop();
    await start(log, status);
  };
  const fixAll = (): Thenable<unknown> =>
    vscode.commands.executeCommand("editor.action.sourceAction", { kind: "source.fixAll.greenlint", apply: "first" });
  context.subscriptions.push(
    log,
    status,
    vscode.commands.registerCommand("greenlint.restart", restart),
    vscode.commands.registerCommand("greenlint.showLog", () => log.show()),
    vscode.commands.registerCommand("greenlint.fixAll", fixAll),
    vscode.commands.registerCommand("greenlint.explainRule", explain),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("greenlint.interpreter")) void restart();
    }),
  );
  await start(log, status);
}

export const deactivate = stop;
