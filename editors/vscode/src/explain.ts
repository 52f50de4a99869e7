import * as vscode from "vscode";
import { firstFolder, outputOf } from "./python";
import type { Server } from "./server";

interface Rule {
  readonly name: string;
  readonly category: string;
  readonly summary: string;
}

/** Lets the user choose a rule, those found in the file in front first, and shows its page. */
export async function explain(server: Server): Promise<void> {
  const command = server.command("rule", "--output-format", "json");
  if (command === undefined) return;
  const printed = outputOf(command.command, command.args, firstFolder()?.fsPath);
  const items = printed.then((text) => itemsOf(JSON.parse(text ?? "[]") as Rule[], found()));
  const chosen = await vscode.window.showQuickPick(items, { placeHolder: "Rule to explain", matchOnDetail: true });
  if (chosen !== undefined) await vscode.commands.executeCommand("greenlint.openPage", chosen.label);
}

function itemsOf(rules: readonly Rule[], first: ReadonlySet<string>): vscode.QuickPickItem[] {
  const item = ({ name, category, summary }: Rule): vscode.QuickPickItem => ({ label: name, description: category, detail: summary });
  const heading = (label: string): vscode.QuickPickItem => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const here = rules.filter((each) => first.has(each.name)).map(item);
  const others = rules.filter((each) => !first.has(each.name)).map(item);
  return here.length === 0 ? others : [heading("found in this file"), ...here, heading("all others"), ...others];
}

/** The rules with findings in the file in front. */
function found(): ReadonlySet<string> {
  const uri = vscode.window.activeTextEditor?.document.uri;
  const diagnostics = uri === undefined ? [] : vscode.languages.getDiagnostics(uri);
  return new Set(diagnostics.filter((each) => each.source === "greenlint").map(codeOf));
}

function codeOf({ code }: vscode.Diagnostic): string {
  return String(typeof code === "object" ? code.value : code);
}
