/**
 * What needs Node: snapshots in a folder.
 *
 * @module
 */
export { folderSnapshots } from "./node/folder-snapshots.ts";
