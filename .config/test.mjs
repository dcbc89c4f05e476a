// @ts-check
// `npm test`: every check of this repository, one after the other, up to the first that fails.
// `npm test -- <arguments>`: only the tests, with these arguments for Vitest.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findChromium } from "../packages/fixtures/src/browser.ts";
import { findExecutable } from "../packages/fixtures/src/find-executable.ts";
import { findRedis } from "../packages/fixtures/src/redis-server.ts";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

const report = "node_modules/.cache/millrace/tests.json";
const vitest = "vitest run --config vitest.workspace.ts";

const packages = readdirSync("packages").filter((name) => existsSync(`packages/${name}/tsconfig.json`));
const examples = readdirSync("examples").filter((name) => existsSync(`examples/${name}/main.ts`));

/** @type {[name: string, command: string][]} */
const steps = [
  ["lint and format", "biome check --error-on-warnings ."],
  ["unused code and dependencies", "knip --config .config/knip.jsonc"],
  ...packages.map((name) => step(`types of packages/${name}`, `tsc --project packages/${name}`)),
  ["types of tests, examples and tools", "tsc --project ."],
  ["types of the code in the docs", "node .config/check-docs-code.mjs"],
  ["tests", `${vitest} --reporter=default --reporter=json --outputFile.json=${report}`],
  ["build", "tsdown --config .config/tsdown.config.ts"],
  ["size", "node .config/check-size.mjs"],
  ["packages as they are published", "node .config/check-packages.mjs"],
  // Without the source condition: what runs here is the build, as it does for a user.
  ...examples.map((name) => step(`example ${name}`, `node examples/${name}/main.ts`)),
  ["docs", "npm run --prefix docs build"],
];

// The tools come first in the PATH also when this file is started by hand. Without keys and
// addresses no example can leave the machine.
/** @type {NodeJS.ProcessEnv} */
const env = { ...process.env, PATH: `${join(process.cwd(), "node_modules/.bin")}${delimiter}${process.env["PATH"]}` };
for (const name of Object.keys(env)) if (/_(API_KEY|AUTH_TOKEN|BASE_URL)$/.test(name)) delete env[name];

// npm takes the `--` for itself, pnpm hands it on.
const vitestArguments = process.argv.slice(process.argv[2] === "--" ? 3 : 2);
if (vitestArguments.length > 0) {
  const { status } = spawnSync(`${vitest} ${vitestArguments.map((each) => JSON.stringify(each)).join(" ")}`, {
    env,
    shell: true,
    stdio: "inherit",
  });
  process.exit(status ?? 1);
}

mkdirSync("node_modules/.cache/millrace", { recursive: true });
rmSync(report, { force: true });
const failedStep = steps.find(([name, command]) => !run(name, command));
sayWhatIsLeftOut();
sayTheSum();
process.exitCode = failedStep ? 1 : 0;

/**
 * @param {string} name
 * @param {string} command
 * @returns {[string, string]}
 */
function step(name, command) {
  return [name, command];
}

/**
 * @param {string} name
 * @param {string} command
 */
function run(name, command) {
  console.log(`\n▶ ${name}: ${command}`);
  const start = performance.now();
  // Ten minutes: longer than any step takes, so that one that hangs is named.
  // Nobody types: an example that asks its user gets the end of the input.
  /** @type {import("node:child_process").StdioOptions} */
  const stdio = ["ignore", "inherit", "inherit"];
  const { status, error } = spawnSync(command, { env, shell: true, stdio, timeout: 600_000 });
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(
    status === 0 ? `✓ ${name} (${seconds} s)` : `✗ ${name} (${seconds} s)${error ? `: ${error.message}` : ""}`,
  );
  return status === 0;
}

function sayWhatIsLeftOut() {
  console.log("");
  if (failedStep) {
    const left = steps.slice(steps.indexOf(failedStep) + 1).map(([name]) => name);
    if (left.length > 0) console.log(`Left out after the failure: ${left.join(", ")}.`);
  }
  if (!process.env["MILLRACE_FIXTURES"]) {
    console.log(
      "Left out: the tests on recorded provider traffic. To run them, set MILLRACE_FIXTURES to a folder of recordings;\n" +
        "packages/fixtures/README.md says what it holds.",
    );
  }
  for (const [found, tests, howTo] of [
    [
      findChromium(),
      "in a browser",
      "install Chromium (on Debian the package chromium), or name one in MILLRACE_CHROMIUM",
    ],
    [
      findRedis(),
      "on Redis",
      "install redis-server (on Debian the package of that name), or name one in MILLRACE_REDIS",
    ],
    [findExecutable("python3"), "at a terminal", "install python3, which opens it"],
    [findExecutable("dot"), "of drawings in Graphviz", "install it (on Debian the package graphviz)"],
  ]) {
    if (!found) console.log(`Left out: the tests ${tests}. To run them, ${howTo}.`);
  }
}

/** The last line: tests, and one failure for a check that failed without a failed test. */
function sayTheSum() {
  /** @type {{ numPassedTests: number, numFailedTests: number, numPendingTests: number, numTodoTests: number }} */
  const tests = existsSync(report)
    ? JSON.parse(readFileSync(report, "utf8"))
    : { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
  const failed = tests.numFailedTests || (failedStep ? 1 : 0);
  const skipped = tests.numPendingTests + tests.numTodoTests;
  console.log(`${tests.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
}
