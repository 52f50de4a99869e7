import * as vscode from "vscode";
import { PYTHON } from "./status";

const FIX_ALL = "source.fixAll.greenlint";

/** Makes every fix of the script in front, or of the notebook that the cell in front belongs to. */
export async function fixAll(): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (document !== undefined) await apply(document, FIX_ALL);
}

/** Makes every fix of the notebook in front, in whichever cell. */
export async function fixAllInNotebook(): Promise<void> {
  const cells = vscode.window.activeNotebookEditor?.notebook.getCells() ?? [];
  // The server answers for the whole notebook, whichever cell is asked about.
  const cell = cells.find((each) => vscode.languages.match(PYTHON, each.document) > 0);
  if (cell !== undefined) await apply(cell.document, `notebook.${FIX_ALL}`);
}

async function apply(document: vscode.TextDocument, kind: string): Promise<void> {
  const whole = new vscode.Range(0, 0, document.lineCount, 0);
  const found = await vscode.commands.executeCommand<vscode.CodeAction[]>(
    "vscode.executeCodeActionProvider", document.uri, whole, kind, 1,
  );
  const edit = found.find((each) => each.edit !== undefined)?.edit;
  if (edit === undefined) {
    vscode.window.setStatusBarMessage("greenlint: nothing to fix", 5000);
  } else {
    await vscode.workspace.applyEdit(edit);
  }
}
