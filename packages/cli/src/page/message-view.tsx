import { type ReactElement, useState } from "react";
import { json } from "./format.ts";
import { JsonView } from "./json-view.tsx";

/** A message of a conversation, its parts in order. */
export function MessageView({ message, isLeftOut }: { message: unknown; isLeftOut?: boolean }): ReactElement {
  const { role, content, name, isError } = Object(message);
  const parts: readonly unknown[] = Array.isArray(content) ? content : [{ type: "text", text: content }];
  return (
    <article className={`message ${role} ${isLeftOut ? "left-out" : ""} ${isError ? "failed" : ""}`}>
      <header>
        {String(role ?? "message")}
        {name !== undefined && ` · ${String(name)}`}
        {isLeftOut && " · left out"}
      </header>
      {parts.map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: parts of a message do not move
        <PartView key={index} part={part} />
      ))}
    </article>
  );
}

function PartView({ part }: { part: unknown }): ReactElement {
  const { type, text, name, args, url, data, mediaType } = Object(part);
  switch (type) {
    case "text":
    case "refusal":
      return <LongText text={json(text ?? "")} />;
    case "reasoning":
      return (
        <LongText text={text ? json(text) : "(reasoning that only the provider can read)"} className="reasoning" />
      );
    case "tool-call":
      return (
        <div className="call">
          <strong>{String(name)}</strong> <code>{json(args)}</code>
        </div>
      );
    case "image": {
      // Images of other servers are not fetched: looking at a run must not tell anyone.
      const source = data ? `data:${mediaType ?? "image/png"};base64,${data}` : String(url ?? "");
      return source.startsWith("data:") ? <img alt="" src={source} /> : <code>{source || "image"}</code>;
    }
    default:
      return <JsonView value={part} depth={1} />;
  }
}

const foldAt = 500;

/** A text; a long one is folded. */
function LongText({ text, className = "" }: { text: string; className?: string }): ReactElement {
  const [isOpen, setOpen] = useState(false);
  const isLong = text.length > foldAt;
  return (
    <>
      <pre className={`text ${className}`}>{isLong && !isOpen ? `${text.slice(0, foldAt)}…` : text}</pre>
      {isLong && (
        <button type="button" className="link" onClick={() => setOpen(!isOpen)}>
          {isOpen ? "less" : `all ${text.length.toLocaleString("en-US")} characters`}
        </button>
      )}
    </>
  );
}
