// Starts a browser for a script that drives an editor, and prints as JSON what the script returns. Where the script fails,
// what was on the screen then is kept in the folder of pictures, if there is one.
const path = require("node:path");
const { chromium } = require("playwright-core");

const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update"];

async function withPage(executablePath, viewport, drive, pictures) {
  const browser = await chromium.launch({ executablePath, args: QUIET });
  const page = await browser.newPage({ viewport });
  try {
    console.log(JSON.stringify(await drive(page)));
  } catch (problem) {
    console.error(problem);
    if (pictures) await page.screenshot({ path: path.join(pictures, "failed.png") });
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

module.exports = { withPage };
