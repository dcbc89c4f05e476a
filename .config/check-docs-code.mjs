// @ts-check
// Type-checks the code of the docs: every block that starts with ```ts or ```tsx in docs/**/*.md, README.md, the packages'
// README.md and the doc comments of their sources. A block is a module of its own; one that starts with ```ts continue goes on where the block before it in
// the same file ended. The copies keep their line numbers, so that tsc's messages point into the Markdown.
import { spawnSync } from "node:child_process";
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const folder = "docs/.snippets";
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const pages = globSync(["README.md", "packages/*/README.md", "packages/*/src/**/*.ts", "docs/**/*.md"], {
  exclude: ["**/node_modules/**", "**/*.test.ts", "**/*.test-d.ts", "docs/api/**", "docs/.*/**"],
});
/** @type {Map<string, string>} */
const origins = new Map();
for (const page of pages) {
  const text = readFileSync(page, "utf8");
  for (const { line, code, type } of blocks(page.endsWith(".ts") ? docComments(text) : text)) {
    const name = `${page.replaceAll(/[\\/]/g, "_").replace(/\.(md|ts)$/, "")}_${line}.${type}`;
    writeFileSync(`${folder}/${name}`, code);
    origins.set(name, page);
  }
}

// tsc calls it an error to have nothing to check.
if (origins.size > 0) {
  // By name: tsc's patterns leave hidden folders out.
  const config = {
    extends: "../../tsconfig.json",
    compilerOptions: { moduleDetection: "force", jsx: "react-jsx" },
    include: [],
    files: [...origins.keys()],
  };
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify(config));
  const { status, stdout, stderr } = spawnSync(`tsc --project ${folder} --pretty false`, {
    encoding: "utf8",
    shell: true,
  });
  process.stdout.write(stdout.replaceAll(/^docs\/\.snippets\/([^(]+)/gm, (path, name) => origins.get(name) ?? path));
  process.stderr.write(stderr);
  process.exitCode = status ?? 1;
}
console.log(`${origins.size} code blocks in ${new Set(origins.values()).size} files`);

/**
 * The TypeScript blocks of a page, each padded with empty lines to where it stands.
 *
 * @param {string} page
 */
function blocks(page) {
  /** @type {{ line: number, code: string, type: string }[]} */
  const found = [];
  /** @type {{ fence: string, taken: boolean } | undefined} */
  let open;
  for (const [index, line] of page.split(/\r?\n/).entries()) {
    const fence = /^\s*(`{3,}|~{3,})\s*(.*)$/.exec(line);
    if (open === undefined) {
      if (!fence?.[1]) continue;
      const words = (fence[2] ?? "").split(/[\s{]/);
      const taken = words[0] === "ts" || words[0] === "tsx" || words[0] === "typescript";
      open = { fence: fence[1], taken };
      if (taken && !(words.includes("continue") && found.length > 0)) {
        found.push({ line: index + 1, code: "", type: words[0] === "tsx" ? "tsx" : "ts" });
      }
    } else if (fence?.[1]?.startsWith(open.fence) && fence[2] === "") {
      open = undefined;
    } else if (open.taken) {
      const block = found.at(-1);
      if (block) block.code += `${"\n".repeat(index - lines(block.code))}${line}\n`;
    }
  }
  return found;
}

/**
 * The text of a source file's doc comments, each line where it stands.
 *
 * @param {string} source
 */
function docComments(source) {
  const lines = source.split(/\r?\n/);
  return lines.map((line) => /^\s*\* ?(?!\/)(.*)$/.exec(line)?.[1] ?? "").join("\n");
}

/** @param {string} text */
function lines(text) {
  return text.split("\n").length - 1;
}
