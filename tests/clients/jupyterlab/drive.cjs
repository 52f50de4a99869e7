// Opens a notebook in a running JupyterLab and prints, as JSON, what is marked in its cells and what a hover says.
// Arguments: the address of the notebook, the browser, and the folder that a screenshot goes to (optional).
const path = require("node:path");
const { withPage } = require("../browser.cjs");

const [address, browser, pictures] = process.argv.slice(2);
const MARK = ".jp-Notebook .cm-lintRange";

async function drive(page) {
  await page.goto(address, { waitUntil: "domcontentloaded" });
  const cell = page.locator(".jp-Notebook .cm-content", { hasText: "synchronize" });
  await cell.click({ timeout: 60000 });
  await page.locator(MARK).first().waitFor({ timeout: 60000 });
  const marks = await page.locator(MARK).evaluateAll((found) =>
    found.map((each) => ({ text: each.textContent, warning: each.className.includes("warning") })));
  // The question about news covers part of the page.
  await page.getByRole("button", { name: "No", exact: true }).click({ timeout: 5000 }).catch(() => {});
  await page.keyboard.press("Control+b");
  await page.locator(MARK).first().hover();
  const said = page.locator(".cm-tooltip-hover").first();
  await said.waitFor({ timeout: 30000 });
  const hover = await said.textContent();
  if (pictures) {
    await page.screenshot({ path: path.join(pictures, "jupyterlab.png") });
  }
  await cell.click();
  await page.keyboard.press("Control+End");
  await page.keyboard.press("Shift+Home");
  await page.keyboard.press("Delete");
  await page.locator(MARK).first().waitFor({ state: "detached", timeout: 30000 });
  return { marks, hover, marks_after_edit: await page.locator(MARK).count() };
}

withPage(browser, { width: 800, height: 520 }, drive, pictures);
