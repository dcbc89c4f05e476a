import { CyclicWaitError } from "./errors.ts";

/** A call or a promise whose code may wait, and for which others may wait. */
export interface Waiter {
  readonly name: string;
  /** What this waits for; it can go on as soon as one of them does. Undefined: it is at work, or nobody can tell. */
  waitsFor(): readonly (Waiter | undefined)[] | undefined;
  /** Where no code waits, but the thing itself: it goes on with this error in the place of what it waits for. */
  breakOff?(error: CyclicWaitError): void;
}

/** A wait that goes on. */
export interface Wait {
  readonly by: Waiter;
  on(): Waiter | undefined;
  fail(error: CyclicWaitError): void;
}

/**
 * Who waits is looked at when that has lasted this long, in milliseconds: until then what is on its way may arrive. Most
 * waits are over by then and cost no more than an entry in a set.
 */
const graceMs = 50;

const waits = new Map<Waiter, Set<Wait>>();
/** Who has begun to wait since the timer was set, and before that. */
let fresh: Set<Waiter> = new Set();
let lasting: Set<Waiter> = new Set();
let isTimerSet = false;

export function beginWait(wait: Wait): void {
  const others = waits.get(wait.by);
  if (others) others.add(wait);
  else waits.set(wait.by, new Set([wait]));
  watch(wait.by);
}

export function endWait(wait: Wait): void {
  const others = waits.get(wait.by);
  if (!others?.delete(wait) || others.size > 0) return;
  waits.delete(wait.by);
  unwatch(wait.by);
}

/** Has a waiter looked at: from now on it may be part of a ring. */
export function watch(waiter: Waiter): void {
  fresh.add(waiter);
  setTimer();
}

/** It is at work again. */
export function unwatch(waiter: Waiter): void {
  fresh.delete(waiter);
  lasting.delete(waiter);
}

/** What the waits that the code of `waiter` is in wait for; undefined where it is in none. */
export function pendingWaits(waiter: Waiter): (Waiter | undefined)[] | undefined {
  const own = waits.get(waiter);
  return own && Array.from(own, (wait) => wait.on());
}

function setTimer(): void {
  if (isTimerSet) return;
  isTimerSet = true;
  setTimeout(look, graceMs);
}

function look(): void {
  isTimerSet = false;
  const failed = lasting.size > 0 && failRings(lasting);
  // What is left may be stuck in another ring.
  lasting = failed ? new Set([...lasting, ...fresh]) : fresh;
  fresh = new Set();
  if (lasting.size > 0) setTimer();
}

/** Fails the waits of one ring that some of `waiters` can never get out of. Whether there was one. */
function failRings(waiters: ReadonlySet<Waiter>): boolean {
  const waitsOf = explore(waiters);
  const stuck = stuckOf(waitsOf);
  const start = [...waiters].find((waiter) => stuck.has(waiter));
  if (!start) return false;
  const path = new Set<Waiter>();
  let next: Waiter | undefined = start;
  while (next && !path.has(next)) {
    path.add(next);
    next = waitsOf.get(next)?.[0];
  }
  const all = [...path];
  const ring = next ? all.slice(all.indexOf(next)) : all;
  const error = new CyclicWaitError(ring.map((waiter) => waiter.name));
  const inRing = ring.flatMap((waiter) => [...(waits.get(waiter) ?? [])]);
  for (const wait of inRing) wait.fail(error);
  // Sequences that are made of each other have no code that waits: one of them tells the others, and who reads them.
  if (inRing.length === 0) ring[0]?.breakOff?.(error);
  return true;
}

/** All that the waits lead to; undefined for what is at work. */
function explore(waiters: ReadonlySet<Waiter>): Map<Waiter, readonly Waiter[] | undefined> {
  const waitsOf = new Map<Waiter, readonly Waiter[] | undefined>();
  const left = [...waiters];
  for (let waiter = left.pop(); waiter; waiter = left.pop()) {
    if (waitsOf.has(waiter)) continue;
    const targets = waiter.waitsFor();
    const known = targets?.filter((target) => target !== undefined);
    const isStill = targets !== undefined && known?.length === targets.length;
    waitsOf.set(waiter, isStill ? known : undefined);
    if (isStill && known) left.push(...known);
  }
  return waitsOf;
}

/** Those that can never go on: what is at work can, and so can whoever waits for one that can. */
function stuckOf(waitsOf: ReadonlyMap<Waiter, readonly Waiter[] | undefined>): Set<Waiter> {
  const waiting = new Map<Waiter, Waiter[]>();
  for (const [waiter, targets] of waitsOf) {
    for (const target of targets ?? []) {
      const others = waiting.get(target);
      if (others) others.push(waiter);
      else waiting.set(target, [waiter]);
    }
  }
  const stuck = new Set(waitsOf.keys());
  const free = [...waitsOf].filter(([, targets]) => !targets?.length).map(([waiter]) => waiter);
  for (let waiter = free.pop(); waiter; waiter = free.pop()) {
    if (stuck.delete(waiter)) free.push(...(waiting.get(waiter) ?? []));
  }
  return stuck;
}
