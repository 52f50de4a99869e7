import * as vscode from "vscode";
import { asksFor } from "./onSave";
import type { Server } from "./server";
import { PYTHON } from "./status";

const FIX_ALL = "source.fixAll.greenlint";
const FIX_ALL_NOTEBOOK = `notebook.${FIX_ALL}`;

/** Makes every fix of the script in front, or of the notebook that the cell in front belongs to. */
export async function fixAll(server: Server): Promise<void> {
  const document = vscode.window.activeTextEditor?.document;
  if (document === undefined) return;
  await apply(await server.edit(document, isCell(document) ? FIX_ALL_NOTEBOOK : FIX_ALL));
}

/** Makes every fix of the notebook in front, in whichever cell. */
export async function fixAllInNotebook(server: Server): Promise<void> {
  const cell = pythonCell(vscode.window.activeNotebookEditor?.notebook);
  if (cell !== undefined) await apply(await server.edit(cell, FIX_ALL_NOTEBOOK));
}

/**
 * Fixes a notebook on save whose first cell holds no Python.
 *
 * VS Code asks about the first cell only. An answer given for prose would be too unsure: opening prose may start
 * extensions for Markdown, and VS Code drops all answers that come after an extension has offered actions of its own.
 */
export function fixOnSave(server: Server): vscode.Disposable {
  return vscode.workspace.onWillSaveNotebookDocument((event) => {
    const cell = pythonCell(event.notebook);
    if (event.reason !== vscode.TextDocumentSaveReason.Manual || cell === undefined) return;
    if (cell === event.notebook.cellAt(0).document || !isWantedFor(event.notebook)) return;
    event.waitUntil(server.edit(cell, FIX_ALL_NOTEBOOK, event.token));
  });
}

function isWantedFor(notebook: vscode.NotebookDocument): boolean {
  return asksFor(vscode.workspace.getConfiguration("notebook", notebook.uri).get("codeActionsOnSave"), FIX_ALL_NOTEBOOK);
}

function isCell(document: vscode.TextDocument): boolean {
  return document.uri.scheme === "vscode-notebook-cell";
}

/** The first cell with Python; the server answers for the whole notebook, whichever it is asked about. */
function pythonCell(notebook: vscode.NotebookDocument | undefined): vscode.TextDocument | undefined {
  return notebook?.getCells().find((each) => vscode.languages.match(PYTHON, each.document) > 0)?.document;
}

async function apply(edit: vscode.WorkspaceEdit | undefined): Promise<void> {
  if (edit === undefined) {
    vscode.window.setStatusBarMessage("greenlint: nothing to fix", 5000);
  } else {
    await vscode.workspace.applyEdit(edit);
  }
}
