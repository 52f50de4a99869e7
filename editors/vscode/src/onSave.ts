/** Whether a value of `notebook.codeActionsOnSave` asks for a kind when the user saves; the most specific entry decides. */
export function asksFor(setting: unknown, kind: string): boolean {
  if (typeof setting !== "object" || setting === null) return false;
  const entries: [string, unknown][] = Array.isArray(setting) ? setting.map((each) => [String(each), true]) : Object.entries(setting);
  const about = entries.filter(([name]) => name === kind || kind.startsWith(`${name}.`));
  const [, value] = about.reduce((one, other) => (other[0].length > one[0].length ? other : one), ["", false]);
  return value === true || value === "explicit";
}
