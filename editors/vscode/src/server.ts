import * as vscode from "vscode";
import { LanguageClient, type LanguageClientOptions, type ShowDocumentParams, type ShowDocumentResult, State } from "vscode-languageclient/node";
import type { Problem } from "./interpreter";
import { findInterpreter } from "./python";
import type { Status } from "./status";

/** The running server: at most one, started and stopped one after the other. */
export class Server {
  private client: LanguageClient | undefined;
  private python: string | undefined;
  private last: Promise<void> = Promise.resolve();

  /** `launcher` is the script that runs greenlint in an interpreter. */
  constructor(
    private readonly launcher: string,
    private readonly log: vscode.LogOutputChannel,
    private readonly status: Status,
  ) {}

  get running(): boolean {
    return this.client?.state === State.Running;
  }

  /** The command line of greenlint, in the interpreter that the server runs in. */
  command(...args: string[]): { command: string; args: string[] } | undefined {
    return this.python === undefined ? undefined : { command: this.python, args: [this.launcher, ...args] };
  }

  restart(): Promise<void> {
    return this.next(async () => {
      await this.end();
      await this.begin();
    });
  }

  stop(): Promise<void> {
    return this.next(() => this.end());
  }

  private next(work: () => Promise<void>): Promise<void> {
    this.last = this.last.then(work).catch((error: unknown) => this.log.error(String(error)));
    return this.last;
  }

  private async end(): Promise<void> {
    const ending = this.client;
    this.client = undefined;
    this.python = undefined;
    await ending?.dispose();
  }

  private async begin(): Promise<void> {
    this.status.starting();
    const found = await findInterpreter();
    if (!("python" in found)) return this.refuse(found);
    if (found.problem !== undefined) return this.refuse(found.problem);
    const python = (this.python = found.python);
    const client = (this.client = new LanguageClient("greenlint", "greenlint", this.command("server")!, this.options()));
    client.onDidChangeState(({ newState }) => {
      if (client !== this.client) return;
      if (newState === State.Starting) this.status.starting();
      else if (newState === State.Running) this.status.ready(client.initializeResult?.serverInfo?.version ?? "", python);
      else this.status.stopped(python);
    });
    this.log.info(`starting ${python} ${this.launcher} server`);
    await client.start();
  }

  private refuse(problem: Problem): void {
    this.log.error(problem.message);
    this.status.unusable(problem.summary);
    const choices = { "Choose interpreter": "greenlint.chooseInterpreter", "Show log": "greenlint.showLog" };
    void vscode.window.showErrorMessage(problem.message, ...Object.keys(choices)).then((chosen) => {
      if (chosen !== undefined) void vscode.commands.executeCommand(choices[chosen as keyof typeof choices]);
    });
  }

  private options(): LanguageClientOptions {
    return {
      documentSelector: [
        { language: "python", scheme: "file" },
        { language: "python", scheme: "untitled" },
        { notebook: "*", language: "python" },
      ],
      outputChannel: this.log,
      synchronize: { configurationSection: "greenlint" },
      initializationOptions: { settings: { trusted: vscode.workspace.isTrusted } },
      middleware: { window: { showDocument: (params, token, next) => (isPage(params) ? showPage(params) : next(params, token)) } },
    };
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
