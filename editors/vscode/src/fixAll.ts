import * as vscode from "vscode";
import { PYTHON } from "./status";

const FIX_ALL = "source.fixAll.greenlint";
const FIX_ALL_NOTEBOOK = `notebook.${FIX_ALL}`;
const KIND = vscode.CodeActionKind.Empty.append(FIX_ALL_NOTEBOOK);

/** Makes every fix of the script in front, or of the notebook that the cell in front belongs to. */
export async function fixAll(): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (document !== undefined) await apply(document, FIX_ALL);
}

/** Makes every fix of the notebook in front, in whichever cell. */
export async function fixAllInNotebook(): Promise<void> {
  const cell = pythonCell(vscode.window.activeNotebookEditor?.notebook);
  if (cell !== undefined) await apply(cell, FIX_ALL_NOTEBOOK);
}

/** On save VS Code asks only about the first cell of a notebook; this answers where that one holds no Python. */
export function answerForProse(): vscode.Disposable {
  const provider: vscode.CodeActionProvider = {
    async provideCodeActions(document, _range, context) {
      if (context.only === undefined || !context.only.contains(KIND)) return [];
      const notebook = vscode.workspace.notebookDocuments.find((each) => each.getCells().some((cell) => cell.document === document));
      const cell = pythonCell(notebook);
      return cell === undefined ? [] : actionsFor(cell, FIX_ALL_NOTEBOOK);
    },
  };
  return vscode.languages.registerCodeActionsProvider({ notebookType: "jupyter-notebook", language: "markdown" }, provider, {
    providedCodeActionKinds: [KIND],
  });
}

/** A cell with Python; the server answers for the whole notebook, whichever it is asked about. */
function pythonCell(notebook: vscode.NotebookDocument | undefined): vscode.TextDocument | undefined {
  return notebook?.getCells().find((each) => vscode.languages.match(PYTHON, each.document) > 0)?.document;
}

function actionsFor(document: vscode.TextDocument, kind: string): Thenable<vscode.CodeAction[]> {
  const whole = new vscode.Range(0, 0, document.lineCount, 0);
  return vscode.commands.executeCommand("vscode.executeCodeActionProvider", document.uri, whole, kind, 1);
}

async function apply(document: vscode.TextDocument, kind: string): Promise<void> {
  const edit = (await actionsFor(document, kind)).find((each) => each.edit !== undefined)?.edit;
  if (edit === undefined) {
    vscode.window.setStatusBarMessage("greenlint: nothing to fix", 5000);
  } else {
    await vscode.workspace.applyEdit(edit);
  }
}
