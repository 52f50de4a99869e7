import * as vscode from "vscode";

const TITLES = { chooseInterpreter: "Choose interpreter", restart: "Restart server", showLog: "Show log" } as const;

/** Shows an error with a button for what may help, and one for the log. */
export function complain(message: string, remedy: "chooseInterpreter" | "restart"): void {
  const names = [remedy, "showLog"] as const;
  void vscode.window.showErrorMessage(message, ...names.map((each) => TITLES[each])).then((chosen) => {
    const name = names.find((each) => TITLES[each] === chosen);
    if (name !== undefined) void vscode.commands.executeCommand(`greenlint.${name}`);
  });
}
