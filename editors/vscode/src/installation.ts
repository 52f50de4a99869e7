import { pathToFileURL } from "node:url";

/** A command line. */
export interface Run {
  readonly command: string;
  readonly args: readonly string[];
}

/** What there is to install packages with: pip in the interpreter itself, uv on PATH. */
export interface Installers {
  readonly pip: boolean;
  readonly uv: boolean;
}

/** How to install a wheel with what its language server needs; environments made by uv have no pip. */
export function installation(python: string, wheel: string, has: Installers): Run | undefined {
  const wanted = `greenlint-ml[lsp] @ ${pathToFileURL(wheel).href}`;
  if (has.pip) return { command: python, args: ["-m", "pip", "install", "--disable-pip-version-check", wanted] };
  if (has.uv) return { command: "uv", args: ["pip", "install", "--python", python, wanted] };
  return undefined;
}
