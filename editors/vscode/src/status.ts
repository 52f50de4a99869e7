import * as vscode from "vscode";

export const PYTHON: vscode.DocumentFilter = { language: "python" };

/** What the status item beside the language of a Python file says. */
export class Status implements vscode.Disposable {
  private readonly item = vscode.languages.createLanguageStatusItem("greenlint", PYTHON);

  constructor() {
    this.item.name = "greenlint";
  }

  starting(): void {
    this.item.busy = true;
    this.say("greenlint: starting", "", vscode.LanguageStatusSeverity.Information, "greenlint.showLog", "Show log");
  }

  ready(version: string, python: string): void {
    this.item.busy = false;
    this.say(`greenlint ${version}`, python, vscode.LanguageStatusSeverity.Information, "greenlint.showLog", "Show log");
  }

  stopped(python: string): void {
    this.item.busy = false;
    this.say("greenlint: stopped", python, vscode.LanguageStatusSeverity.Error, "greenlint.restart", "Restart server");
  }

  unusable(summary: string, installable = false): void {
    this.item.busy = false;
    const [command, title] = installable ? ["greenlint.install", "Install"] : ["greenlint.chooseInterpreter", "Choose interpreter"];
    this.say(`greenlint: ${summary}`, "", vscode.LanguageStatusSeverity.Error, command, title);
  }

  dispose(): void {
    this.item.dispose();
  }

  private say(text: string, detail: string, severity: vscode.LanguageStatusSeverity, command: string, title: string): void {
    Object.assign(this.item, { text, detail, severity, command: { command, title } });
  }
}
