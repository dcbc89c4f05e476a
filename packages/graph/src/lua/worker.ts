import { parentPort, workerData } from "node:worker_threads";
import type { LuaWasm, LuaGlobal as State } from "wasmoon";
import { libraryFunctions, libraryTables } from "./lua-library.ts";
import type { LuaTable, LuaValue } from "./lua-value.ts";
import type { LuaJob, LuaReply } from "./lua-workers.ts";

/** So many steps of Lua's machine may an evaluation make before it is ended from within. */
const maxInstructions = 10_000_000;
/** Of lauxlib.h and lua.h. */
const registry = -1_001_000;
const countHook = 8;
const errorMemory = 4;
const typeString = 4;

const tooMany = `it took more than ${maxInstructions} instructions`;

/** Takes away all of the library that conditions do not have. */
const prune = `
local keep = { ${[...libraryFunctions].map((name) => `${name} = true`).join(", ")},
${[...libraryTables].map(([name, fields]) => `${name} = { ${[...fields].map((field) => `${field} = true`).join(", ")} }`).join(",\n")} }
local all = _G
for name, value in next, all do
  local kept = keep[name]
  if not kept then all[name] = nil
  elseif kept ~= true then
    for field in next, value do if not kept[field] then value[field] = nil end end
  end
end`;

/** Gives a list with holes in it its length. */
const withLength = `
local setmetatable = setmetatable
return function(list, length) setmetatable(list, { __len = function() return length end }) end`;

const wasmoon: typeof import("wasmoon") = await import(workerData.wasmoon).then((module) => module.default ?? module);
const { LuaFactory, LuaGlobal, LuaLibraries } = wasmoon;
const engine = await new LuaFactory().getLuaModule();

parentPort?.on("message", (job: Pick<LuaJob, "code" | "values" | "maxBytes">) => {
  tell({ kind: "begun" });
  tell(perform(job));
});

function tell(reply: LuaReply): void {
  parentPort?.postMessage(reply);
}

/** In a state of its own: nothing is left for the next one. */
function perform({ code, values, maxBytes }: Pick<LuaJob, "code" | "values" | "maxBytes">): LuaReply {
  const state = new LuaGlobal(engine, true);
  let removeHook = (): void => {};
  try {
    for (const library of [LuaLibraries.Base, LuaLibraries.Table, LuaLibraries.String, LuaLibraries.Math]) {
      state.loadLibrary(library);
    }
    state.setTop(0);
    load(state, prune);
    engine.lua_callk(state.address, 0, 0, 0, null);
    new Pusher(engine, state).setGlobals(values);
    removeHook = limitInstructions(state);
    state.setMemoryMax(state.getMemoryUsed() + maxBytes);
    const status = load(state, code) || engine.lua_pcallk(state.address, 0, 1, 0, 0, null);
    if (status !== 0) return failure(state, status);
    return { kind: "done", result: Boolean(engine.lua_toboolean(state.address, -1)) };
  } finally {
    // Also calls what the script has left to be called at the end: within its time.
    state.close();
    removeHook();
  }
}

/** Compiles a text and leaves its function on the stack, or what is wrong with it. */
function load(state: State, code: string): number {
  return withBytes(code, (pointer, length) =>
    engine.luaL_loadbufferx(state.address, pointer, length, "=condition", "t"),
  );
}

function limitInstructions({ address }: State): () => void {
  const hook = engine.module.addFunction((thread: number) => {
    engine.lua_pushstring(thread, tooMany);
    engine.lua_error(thread);
  }, "vii");
  engine.lua_sethook(address, hook, countHook, maxInstructions);
  return () => engine.module.removeFunction(hook);
}

function failure({ address }: State, status: number): LuaReply {
  if (status === errorMemory) return { kind: "memory", message: "it took more memory than it may" };
  if (engine.lua_type(address, -1) !== typeString) return { kind: "failed", message: "an error that is no text" };
  const said = engine.lua_tolstring(address, -1, null).slice(0, 1000);
  if (said === tooMany) return { kind: "instructions", message: said };
  const { line, message = said } = /^condition:(?<line>\d+): (?<message>.*)$/s.exec(said)?.groups ?? {};
  return { kind: "failed", message, ...(line !== undefined && { line: Number(line) }) };
}

/** Puts values on Lua's stack. */
class Pusher {
  readonly #engine: LuaWasm;
  readonly #state: State;
  readonly #address: number;
  /** Where the registry has the tables that were made. */
  readonly #made = new Map<LuaTable, bigint>();

  constructor(lua: LuaWasm, state: State) {
    this.#engine = lua;
    this.#state = state;
    this.#address = state.address;
  }

  setGlobals(values: ReadonlyMap<string, LuaValue>): void {
    for (const [name, value] of values) {
      this.#push(value);
      this.#engine.lua_setglobal(this.#address, name);
    }
  }

  #push(value: LuaValue): void {
    const [lua, address] = [this.#engine, this.#address];
    if (typeof value === "boolean") lua.lua_pushboolean(address, value ? 1 : 0);
    else if (typeof value === "bigint") lua.lua_pushinteger(address, value);
    else if (Number.isSafeInteger(value) && !Object.is(value, -0)) lua.lua_pushinteger(address, BigInt(Number(value)));
    else if (typeof value === "number") lua.lua_pushnumber(address, value);
    else if (typeof value === "string") withBytes(value, (at, length) => lua.lua_pushlstring(address, at, length));
    else if (value?.kind === "table") this.#pushTable(value);
    else lua.lua_pushnil(address);
  }

  #pushTable(table: LuaTable): void {
    const [lua, address] = [this.#engine, this.#address];
    const made = this.#made.get(table);
    if (made !== undefined) {
      lua.lua_rawgeti(address, registry, made);
      return;
    }
    lua.lua_checkstack(address, 8);
    lua.lua_createtable(address, table.length, 0);
    lua.lua_pushvalue(address, -1);
    this.#made.set(table, BigInt(lua.luaL_ref(address, registry)));
    for (const [key, value] of table.entries) {
      this.#push(key);
      this.#push(value);
      lua.lua_rawset(address, -3);
    }
    if (lua.lua_rawlen(address, -1) !== table.length) this.#setLength(table.length);
  }

  #setLength(length: number): void {
    const [lua, address] = [this.#engine, this.#address];
    load(this.#state, withLength);
    lua.lua_callk(address, 0, 1, 0, null);
    lua.lua_pushvalue(address, -2);
    lua.lua_pushinteger(address, BigInt(length));
    lua.lua_callk(address, 2, 0, 0, null);
  }
}

/** The bytes of a text, in the engine's memory. */
function withBytes<T>(text: string, use: (pointer: number, length: number) => T): T {
  const { module } = engine;
  const length = module.lengthBytesUTF8(text);
  const pointer = module._malloc(length + 1);
  try {
    module.stringToUTF8(text, pointer, length + 1);
    return use(pointer, length);
  } finally {
    module._free(pointer);
  }
}
