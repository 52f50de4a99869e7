// Builds greenlint itself into `wheel`, from where the extension installs it.
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import path from "node:path";

const root = path.resolve(import.meta.dirname, "../..");
const wheel = path.join(import.meta.dirname, "wheel");
const python = process.env.PYTHON ?? (process.platform === "win32" ? "python" : "python3");

// setuptools would pack what an earlier build left there, modules that are gone included.
rmSync(path.join(root, "build", "lib"), { recursive: true, force: true });
rmSync(wheel, { recursive: true, force: true });
execFileSync(python, ["-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheel, root], { stdio: "inherit" });
