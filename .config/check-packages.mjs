// @ts-check
// Packs every public package with npm and looks at the tarball, as whoever installs it gets it.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publicPackages } from "./public-packages.mjs";

const tarballs = mkdtempSync(join(tmpdir(), "millrace-pack-"));
try {
  for (const { name, folder } of publicPackages()) check(name, folder);
} finally {
  rmSync(tarballs, { recursive: true, force: true });
}

/**
 * @param {string} name
 * @param {string} folder
 */
function check(name, folder) {
  /** @type {{ filename: string, files: { path: string }[] }[]} */
  const packed = JSON.parse(
    execFileSync("npm", ["pack", folder, "--json", "--ignore-scripts", "--pack-destination", tarballs], {
      encoding: "utf8",
      shell: process.platform === "win32",
    }),
  );
  for (const { filename, files } of packed) {
    const paths = files.map(({ path }) => path);
    for (const needed of ["LICENSE", "README.md"]) {
      if (!paths.includes(needed)) fail(`${name}: the package has no ${needed}`);
    }
    const tests = paths.filter((path) => /\.test(-d)?\./.test(path));
    if (tests.length > 0) fail(`${name}: the package contains tests: ${tests.join(", ")}`);
    const tarball = join(tarballs, filename);
    run("publint", "run", tarball, "--strict");
    console.log(`${name}: ${paths.length} files`);
    run("attw", tarball, "--profile", "esm-only", "--no-emoji", "--format", "ascii", "--no-definitely-typed");
  }
}

/**
 * @param {string} tool
 * @param {...string} args
 */
function run(tool, ...args) {
  const { status, stdout, stderr } = spawnSync(tool, args, { encoding: "utf8", shell: process.platform === "win32" });
  if (status !== 0) fail(`${tool} ${args.join(" ")}:\n${stdout}${stderr}`);
}

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exitCode = 1;
}
