#!/usr/bin/env node
import { main } from "./main.ts";

// Node warns of what it calls experimental (SQLite, types in a config file): nothing that who chats can change.
process.removeAllListeners("warning");
process.on("warning", (warning) => {
  if (warning.name !== "ExperimentalWarning") console.error(`millrace: ${warning.message}`);
});

const exitCode = await main(process.argv.slice(2));
// Who leaves in the middle of an answer leaves tools that would hold the process.
if (exitCode === 130) process.exit(exitCode);
process.exitCode = exitCode;
