// @ts-check
import { publicPackages } from "../.config/public-packages.mjs";

const doors = publicPackages().flatMap((each) => each.doors);

/**
 * Names the modules as they are written in an import, not after their files.
 *
 * @param {import("typedoc").Application} app
 */
function nameModulesAsImported(app) {
  app.converter.on("createDeclaration", (context, reflection) => {
    const file = context.getSymbolFromReflection(reflection)?.declarations?.[0]?.getSourceFile().fileName;
    const door = doors.find(({ source }) => source === file);
    if (reflection.parent?.isProject() && door) reflection.name = door.name;
  });
}

/** @type {Partial<import("typedoc").TypeDocOptions> & Record<string, unknown>} */
export default {
  name: "Millrace",
  plugin: ["typedoc-plugin-markdown", "typedoc-vitepress-theme", nameModulesAsImported],
  entryPoints: doors.map(({ source }) => source),
  tsconfig: "tsconfig.json",
  // `npm test` checks the types, with the TypeScript that the packages are written in.
  skipErrorChecking: true,
  out: "api",
  docsRoot: ".",
  readme: "none",
  disableSources: true,
  disableGit: true,
  sidebar: { pretty: true },
};
