import * as vscode from "vscode";

const TITLES = {
  install: "Install greenlint",
  chooseInterpreter: "Choose interpreter",
  restart: "Restart server",
  showLog: "Show log",
} as const;

export type Remedy = keyof typeof TITLES;

/** Shows an error with buttons for what may help, and one for the log. */
export function complain(message: string, ...remedies: readonly Remedy[]): void {
  const names: readonly Remedy[] = [...remedies, "showLog"];
  void vscode.window.showErrorMessage(message, ...names.map((each) => TITLES[each])).then((chosen) => {
    const name = names.find((each) => TITLES[each] === chosen);
    if (name !== undefined) void vscode.commands.executeCommand(`greenlint.${name}`);
  });
}
