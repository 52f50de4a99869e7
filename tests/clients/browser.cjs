// Starts a browser for a script that drives an editor, and prints as JSON what the script returns.
const { chromium } = require("playwright-core");

const QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
  "--disable-background-networking", "--disable-component-update"];

async function withPage(executablePath, viewport, drive) {
  const browser = await chromium.launch({ executablePath, args: QUIET });
  try {
    console.log(JSON.stringify(await drive(await browser.newPage({ viewport }))));
  } catch (problem) {
    console.error(problem);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

module.exports = { withPage };
