/**
 * Puts React 18 in the place of the React that is installed, for this process: for our sources, for the testing library,
 * and for React DOM, which ask for it by the same names.
 */
import { createRequire, registerHooks } from "node:module";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const folders = [
  {
    installed: folderOf(require.resolve("react/package.json")),
    older: folderOf(require.resolve("react18/package.json")),
  },
  {
    installed: folderOf(require.resolve("react-dom/package.json")),
    older: folderOf(require.resolve("react-dom18/package.json")),
  },
];

registerHooks({
  resolve(specifier, context, nextResolve) {
    const found = nextResolve(specifier, context);
    const replaced = folders.find(({ installed }) => found.url.startsWith(installed));
    return replaced ? { ...found, url: found.url.replace(replaced.installed, replaced.older) } : found;
  },
});

/** Where a file lies, as a URL with a slash at its end. */
function folderOf(path: string): string {
  return `${pathToFileURL(dirname(path)).href}/`;
}
