import type { Scope } from "./cache.ts";

/** All the scopes that something stands in, from the outermost to the innermost. */
export interface ScopePath {
  readonly prefixes: readonly string[];
  readonly suffixes: readonly string[];
}

/** No scope at all: the whole cache. */
export const wholeCache: ScopePath = { prefixes: [], suffixes: [] };

/** A key and where it stands. */
export interface PlacedKey {
  readonly path: ScopePath;
  readonly key: string;
}

/** A path that goes one scope deeper. */
export function within(path: ScopePath, { prefix = "", suffix = "" }: Scope): ScopePath {
  return {
    prefixes: prefix === "" ? path.prefixes : [...path.prefixes, prefix],
    suffixes: suffix === "" ? path.suffixes : [...path.suffixes, suffix],
  };
}

/**
 * The full name of a key: `prefix:key:suffix`, where nested prefixes are joined as `outer/inner` and nested suffixes as
 * `inner/outer`. What is empty is left out, but for the place of a prefix before a suffix: each name stands for one key in
 * one scope.
 */
export function nameOf({ path, key }: PlacedKey): string {
  const prefix = path.prefixes.map(escapePart).join("/");
  const suffix = path.suffixes.map(escapePart).reverse().join("/");
  const name = escapeKey(key);
  if (suffix !== "") return `${prefix}:${name}:${suffix}`;
  return prefix === "" ? name : `${prefix}:${name}`;
}

/** What a full name stands for; undefined for one that no key has, which only a raw key can be. */
export function placeOf(name: string): PlacedKey | undefined {
  const parts = name.split(":");
  const [prefix = "", key = "", suffix = ""] = parts.length === 1 ? ["", name] : parts;
  const path = { prefixes: partsOf(prefix), suffixes: partsOf(suffix).reverse() };
  const place = { path, key: unescapePart(key) };
  return nameOf(place) === name ? place : undefined;
}

/** Whether a full name is in a scope, or in one within it. */
export function isWithin(name: string, { prefixes, suffixes }: ScopePath): boolean {
  if (prefixes.length === 0 && suffixes.length === 0) return true;
  const place = placeOf(name);
  return place !== undefined && startsWith(place.path.prefixes, prefixes) && startsWith(place.path.suffixes, suffixes);
}

/** The key of a full name as it is called in this very scope; undefined for one of another scope. */
export function keyIn(name: string, path: ScopePath): string | undefined {
  const place = placeOf(name);
  const isHere =
    isWithin(name, path) &&
    place?.path.prefixes.length === path.prefixes.length &&
    place.path.suffixes.length === path.suffixes.length;
  return isHere ? place.key : undefined;
}

/** A part of a name, in which no separator is left. */
export function escapePart(part: string): string {
  return escapeKey(part).replaceAll("/", "%2F");
}

/** Lone surrogates too: they have no UTF-8, and would all become the same. */
function escapeKey(key: string): string {
  return key.replace(/[%:]|\p{Surrogate}/gu, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase();
    return code.length === 4 ? `%u${code}` : `%${code}`;
  });
}

function unescapePart(part: string): string {
  return part.replace(/%(?:u([0-9A-F]{4})|([0-9A-F]{2}))/g, (_, long: string | undefined, short: string | undefined) =>
    String.fromCharCode(Number.parseInt(long ?? short ?? "", 16)),
  );
}

function partsOf(joined: string): string[] {
  return joined === "" ? [] : joined.split("/").map(unescapePart);
}

function startsWith(parts: readonly string[], start: readonly string[]): boolean {
  return start.every((part, index) => parts[index] === part);
}
