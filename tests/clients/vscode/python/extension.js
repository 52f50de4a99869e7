// The part of the interface of the Python extension that greenlint uses, with two environments: one, and the other chosen.
const path = require("node:path");
const vscode = require("vscode");

exports.activate = (context) => {
  const changed = new vscode.EventEmitter();
  // The path of an environment may be that of its folder; its interpreter is known once it is resolved.
  const environment = (python) => ({ id: python, path: path.dirname(path.dirname(python)) });
  let python = process.env.GREENLINT_TEST_PYTHON;
  const choose = async () => {
    const chosen = await vscode.window.showQuickPick([process.env.GREENLINT_TEST_OTHER_PYTHON]);
    if (chosen === undefined) return;
    python = chosen;
    changed.fire({ ...environment(python), resource: undefined });
  };
  context.subscriptions.push(changed, vscode.commands.registerCommand("python.setInterpreter", choose));
  return {
    environments: {
      onDidChangeActiveEnvironmentPath: changed.event,
      getActiveEnvironmentPath: () => environment(python),
      resolveEnvironment: async ({ id }) => ({ ...environment(id), executable: { uri: vscode.Uri.file(id) } }),
    },
  };
};
