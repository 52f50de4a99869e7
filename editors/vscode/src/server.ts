import * as vscode from "vscode";
import {
  CloseAction,
  type CloseHandlerResult,
  type CodeActionParams,
  CodeActionRequest,
  CodeActionResolveRequest,
  Command,
  ErrorAction,
  LanguageClient,
  type LanguageClientOptions,
  type ShowDocumentParams,
  type ShowDocumentResult,
  State,
} from "vscode-languageclient/node";
import { Crashes } from "./crashes";
import type { Problem } from "./interpreter";
import { complain } from "./messages";
import { findInterpreter, type Interpreter } from "./python";
import type { Status } from "./status";

/** The running server: at most one, started and stopped one after the other. */
export class Server {
  private client: LanguageClient | undefined;
  private python: string | undefined;
  private last: Promise<void> = Promise.resolve();
  private readonly crashes = new Crashes();

  /** `launcher` is the script that runs greenlint in an interpreter, `own` the interpreter that the extension may have made. */
  constructor(
    private readonly launcher: string,
    private readonly own: string,
    private readonly log: vscode.LogOutputChannel,
    private readonly status: Status,
  ) {}

  get running(): boolean {
    return this.client?.state === State.Running;
  }

  /** Resolves when what was begun, such as a start, is done. */
  get settled(): Promise<void> {
    return this.last;
  }

  /** The command line of greenlint, in the interpreter that the server runs in. */
  command(...args: string[]): { command: string; args: string[] } | undefined {
    return this.python === undefined ? undefined : { command: this.python, args: [this.launcher, ...args] };
  }

  /**
   * The edit that a kind of action makes of a whole document, asked of the server itself: VS Code, asked for it, drops
   * every answer during which any extension offers actions of its own.
   */
  async edit(document: vscode.TextDocument, kind: string, token?: vscode.CancellationToken): Promise<vscode.WorkspaceEdit | undefined> {
    const client = this.client;
    if (client === undefined || !this.running) return undefined;
    const whole = { start: { line: 0, character: 0 }, end: { line: document.lineCount, character: 0 } };
    const textDocument = client.code2ProtocolConverter.asTextDocumentIdentifier(document);
    const params: CodeActionParams = { textDocument, range: whole, context: { diagnostics: [], only: [kind] } };
    const [action] = (await client.sendRequest(CodeActionRequest.type, params, token)) ?? [];
    if (action === undefined || Command.is(action)) return undefined;
    const { edit } = await client.sendRequest(CodeActionResolveRequest.type, action, token);
    return edit === undefined ? undefined : client.protocol2CodeConverter.asWorkspaceEdit(edit, token);
  }

  restart(): Promise<void> {
    return this.next(() => this.replace(findInterpreter(this.own)));
  }

  /** Another interpreter may count: restarts where that is so. */
  follow(): Promise<void> {
    return this.next(async () => {
      const found = await findInterpreter(this.own);
      const same = "python" in found && found.problem === undefined && found.python === this.python;
      if (!same || !this.running) await this.replace(Promise.resolve(found));
    });
  }

  stop(): Promise<void> {
    return this.next(() => this.end());
  }

  private next(work: () => Promise<void>): Promise<void> {
    this.last = this.last.then(work).catch((error: unknown) => this.log.error(String(error)));
    return this.last;
  }

  private async replace(finding: Promise<Interpreter | Problem>): Promise<void> {
    await this.end();
    await this.begin(finding);
  }

  private async end(): Promise<void> {
    const ending = this.client;
    this.client = undefined;
    this.python = undefined;
    try {
      // One that is starting again by itself cannot be stopped before it runs.
      if (ending?.state === State.Starting) await ending.start();
      await ending?.dispose();
    } catch (error) {
      // One that never ran cannot be stopped at all; another may be started all the same.
      this.log.info(String(error));
    }
  }

  private async begin(finding: Promise<Interpreter | Problem>): Promise<void> {
    this.status.starting();
    const found = await finding;
    if (!("python" in found)) return this.refuse(found);
    if (found.problem !== undefined) return this.refuse(found.problem);
    const python = (this.python = found.python);
    const run = { command: python, args: [this.launcher, "server"] };
    const closed = (): CloseHandlerResult => this.ended(client, python);
    const client: LanguageClient = (this.client = new QuietClient("greenlint", "greenlint", run, this.options(closed)));
    client.onDidChangeState(({ newState }) => {
      if (client !== this.client) return;
      if (newState === State.Starting) this.status.starting();
      else if (newState === State.Running) this.status.ready(client.initializeResult?.serverInfo?.version ?? "", python);
      else this.status.stopped(python);
    });
    this.log.info(`starting ${[run.command, ...run.args].join(" ")}`);
    try {
      await client.start();
    } catch {
      complain(`greenlint: the server does not start with ${python}. The log says why.`, "restart");
    }
  }

  /** A server has ended by itself: what to do about it. */
  private ended(client: LanguageClient, python: string): CloseHandlerResult {
    const neverRan = client.initializeResult === undefined && client.state === State.Starting;
    if (client !== this.client || neverRan) return { action: CloseAction.DoNotRestart, handled: true };
    if (this.crashes.again(Date.now())) return { action: CloseAction.Restart, handled: true };
    complain(`greenlint: the server keeps ending by itself with ${python}. The log says why.`, "restart");
    return { action: CloseAction.DoNotRestart, handled: true };
  }

  private refuse(problem: Problem): void {
    this.log.error(problem.message);
    this.status.unusable(problem.summary, problem.installable);
    complain(problem.message, ...(problem.installable ? (["install"] as const) : []), "chooseInterpreter");
  }

  private options(closed: () => CloseHandlerResult): LanguageClientOptions {
    return {
      documentSelector: [
        { language: "python", scheme: "file" },
        { language: "python", scheme: "untitled" },
        { notebook: "*", language: "python" },
      ],
      outputChannel: this.log,
      initializationOptions: { settings: vscode.workspace.getConfiguration("greenlint") },
      initializationFailedHandler: () => false,
      errorHandler: { error: (_error, _message, count) => ({ action: (count ?? 0) > 3 ? ErrorAction.Shutdown : ErrorAction.Continue }), closed },
      middleware: { window: { showDocument: (params, token, next) => (isPage(params) ? showPage(params) : next(params, token)) } },
    };
  }
}

/** Writes what goes wrong to the log alone; what the user has to know, `Server` says. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }
}

/** Whether it is the page of a rule, the only Markdown that the server shows. */
function isPage(params: ShowDocumentParams): boolean {
  return params.uri.startsWith("file:") && params.uri.endsWith(".md");
}

async function showPage(params: ShowDocumentParams): Promise<ShowDocumentResult> {
  await vscode.commands.executeCommand("markdown.showPreview", vscode.Uri.parse(params.uri));
  return { success: true };
}
