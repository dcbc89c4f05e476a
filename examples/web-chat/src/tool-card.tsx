import type { ToolCard as Card } from "millrace";
import type { Progress } from "../server/tools.ts";
import { CheckIcon, CrossIcon } from "./icons.tsx";

/** A tool call: what is asked of it, how far it is, what came of it. Made for any tool; draw your own for those that deserve it. */
export function ToolCard({ card, isLive }: { card: Card; isLive: boolean }) {
  const { name, args, progress, result, error } = card;
  // Where the server died, nothing has told of the tool's end.
  const isCut = !isLive && (card.state === "arriving" || card.state === "running");
  const state = isCut ? "cut" : card.state;
  const { short, long } = describe(args);
  return (
    <section className="tool" data-state={state} aria-label={`Tool ${readable(name)}`}>
      <details>
        <summary>
          <StateIcon state={state} />
          <span className="tool-name">{readable(name)}</span>
          <span className="tool-args">{short}</span>
          <span className="tool-state">{stateTexts[state]}</span>
        </summary>
        <Json label="Arguments" value={args} />
        <Json label="Result" value={result} />
      </details>
      {long && <blockquote>{long}</blockquote>}
      {isProgress(progress) && state === "running" && (
        <div className="tool-progress">
          <progress max={progress.total} value={progress.done} aria-label={readable(name)} />
          <span>{progress.note}…</span>
        </div>
      )}
      {error && <p className="tool-error">{error.message}</p>}
    </section>
  );
}

const stateTexts = { arriving: "Asking", running: "Working", done: "Done", failed: "Failed", cut: "Cut off" };

function StateIcon({ state }: { state: keyof typeof stateTexts }) {
  if (state === "done") return <CheckIcon />;
  if (state === "failed" || state === "cut") return <CrossIcon />;
  return <span className="spinner" />;
}

function Json({ label, value }: { label: string; value: unknown }) {
  if (value === undefined) return null;
  return (
    <>
      <p className="label">{label}</p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <pre tabIndex={0}>{typeof value === "string" ? value : JSON.stringify(value, null, 2)}</pre>
    </>
  );
}

/** What fits into a line, and the longest text, which is worth being watched while it arrives. */
function describe(args: unknown): { short: string; long: string | undefined } {
  const values = typeof args === "object" && args !== null ? Object.values(args) : [];
  const texts = values.filter((value) => typeof value === "string" || typeof value === "number").map(String);
  const long = texts.filter((text) => text.length > 40).sort((a, b) => b.length - a.length)[0];
  return { short: texts.filter((text) => text !== long).join(", "), long };
}

/** "get_forecast" as "Get forecast". */
function readable(name: string): string {
  const words = name.replace(/[_-]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function isProgress(value: unknown): value is Progress {
  return (
    typeof value === "object" &&
    value !== null &&
    ["done", "total"].every((key) => typeof Reflect.get(value, key) === "number") &&
    typeof Reflect.get(value, "note") === "string"
  );
}
