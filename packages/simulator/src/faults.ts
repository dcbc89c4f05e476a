import type { Reply } from "./conversation.ts";
import type { Refusal } from "./protocol.ts";

/** What can go wrong on purpose. */
export type Fault =
  | "reset-before-headers"
  | "reset-mid-stream"
  | "end-without-finish"
  | "stall-mid-stream"
  | "rate-limit"
  | "server-error"
  | "overloaded"
  | "error-mid-stream"
  | "malformed-json"
  | "context-overflow"
  | "content-filter"
  | "html";

/** How an answer goes out: its pieces, and what becomes of the connection then. */
export interface Delivery {
  frames: string[];
  ending: "end" | "reset" | "stall";
  contentType?: string;
}

interface Rule {
  /** The request is refused. */
  refusal?: Refusal;
  /** The model answers otherwise. */
  reply?(reply: Reply): Reply;
  /** The answer does not arrive as it should. `breakOff` gives the events of a failing stream. */
  deliver?(frames: string[], breakOff: (sent: number) => string[]): Delivery;
}

const half = (frames: string[]): string[] => frames.slice(0, Math.ceil(frames.length / 2));

const RULES: Record<Fault, Rule> = {
  "reset-before-headers": { deliver: () => ({ frames: [], ending: "reset" }) },
  "reset-mid-stream": { deliver: (frames) => ({ frames: half(frames), ending: "reset" }) },
  "end-without-finish": { deliver: (frames) => ({ frames: half(frames), ending: "end" }) },
  "stall-mid-stream": { deliver: (frames) => ({ frames: half(frames), ending: "stall" }) },
  "rate-limit": { refusal: "rate-limit" },
  "server-error": { refusal: "server-error" },
  overloaded: { refusal: "overloaded" },
  "error-mid-stream": {
    deliver: (frames, breakOff) => ({ frames: [...half(frames), ...breakOff(half(frames).length)], ending: "end" }),
  },
  "malformed-json": {
    deliver: (frames) => {
      const middle = half(frames).length - 1;
      const cut = (frame: string): string => `${frame.slice(0, Math.ceil(frame.length * 0.6)).trimEnd()}\n\n`;
      return { frames: frames.map((frame, index) => (index === middle ? cut(frame) : frame)), ending: "end" };
    },
  },
  "context-overflow": { refusal: "context-overflow" },
  "content-filter": {
    reply: (reply) => ({
      ...reply,
      text: reply.text.slice(0, reply.text.length / 2),
      calls: [],
      finish: "content-filter",
    }),
  },
  html: {
    deliver: () => ({
      frames: ["<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"],
      ending: "end",
      contentType: "text/html",
    }),
  },
};

/** The names of all faults. */
const faultNames = Object.keys(RULES);

const isFault = (name: string): name is Fault => Object.hasOwn(RULES, name);

/** What a fault changes; nothing where there is none. Throws for a name that is no fault. */
export function ruleOf(fault: string | undefined): Rule {
  if (fault === undefined) return {};
  if (isFault(fault)) return RULES[fault];
  throw new TypeError(`Unknown fault "${fault}". Known are: ${faultNames.join(", ")}.`);
}
