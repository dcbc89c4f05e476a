/** The functions that a condition may call. No I/O, no loading of code, nothing random, nothing of the machine. */
export const libraryFunctions: ReadonlySet<string> = new Set([
  ...["assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget", "rawlen", "rawset"],
  ...["select", "setmetatable", "tonumber", "tostring", "type", "xpcall"],
]);

/** The tables of functions that a condition may use. */
export const libraryTables: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  [
    "string",
    new Set([
      ...["byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "pack", "packsize", "rep"],
      ...["reverse", "sub", "unpack", "upper"],
    ]),
  ],
  ["table", new Set(["concat", "insert", "move", "pack", "remove", "sort", "unpack"])],
  [
    "math",
    new Set([
      ...["abs", "acos", "asin", "atan", "ceil", "cos", "deg", "exp", "floor", "fmod", "huge", "log", "max"],
      ...["maxinteger", "min", "mininteger", "modf", "pi", "rad", "sin", "sqrt", "tan", "tointeger", "type", "ult"],
    ]),
  ],
]);
