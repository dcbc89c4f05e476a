// Runs before `start` and `test`, so that either works straight after `git clone` with nothing but Node 20 or later
// and npm on the machine. Hence no dependencies and no syntax that needs a newer Node.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

// pnpm 12 and later install by themselves before they run a script.
if (/^pnpm\/(1[2-9]|[2-9]\d)\./.test(process.env.npm_config_user_agent ?? "")) process.exit(0);

const root = new URL("../", import.meta.url);
const { packageManager } = JSON.parse(readFileSync(new URL("package.json", root), "utf8"));
const { error, status } = spawnSync("npx", ["--yes", "--prefer-offline", packageManager, "install"], {
  cwd: root,
  stdio: "inherit",
  shell: process.platform === "win32",
});
if (error) throw error;
if (status !== 0) process.exit(status ?? 1);

// Node 22.18 and later run TypeScript. On Linux such a one has just been installed; elsewhere it is the user's own.
const version = spawnSync("node", ["--version"], { encoding: "utf8", shell: process.platform === "win32" }).stdout;
const [major = 0, minor = 0] = version.slice(1).split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`Node.js 22.18 or later is needed to run TypeScript, this is ${version.trim()}.`);
  process.exit(1);
}
