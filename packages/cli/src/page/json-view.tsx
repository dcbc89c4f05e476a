import { type ReactElement, useState } from "react";

/** So many entries of a list or an object are shown at once. */
const maxEntries = 100;

/** A JSON value as a tree; `depth` levels of it are open. */
export function JsonView({ value, depth }: { value: unknown; depth: number }): ReactElement {
  return (
    <div className="json">
      <Node name={undefined} value={value} depth={depth} />
    </div>
  );
}

function Node({ name, value, depth }: { name: string | undefined; value: unknown; depth: number }): ReactElement {
  const [isOpen, setOpen] = useState(depth > 0);
  const [shown, setShown] = useState(maxEntries);
  const label = name !== undefined && <span className="key">{name}: </span>;
  if (typeof value !== "object" || value === null) {
    return (
      <div className="leaf">
        {label}
        <Leaf value={value} />
      </div>
    );
  }
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (entries.length === 0) {
    return (
      <div className="leaf">
        {label}
        {open}
        {close}
      </div>
    );
  }
  return (
    <div className="branch">
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        {label}
        {open}
        {!isOpen && <span className="preview">{preview(value)}</span>}
        {!isOpen && close}
      </button>
      {isOpen && (
        <div className="entries">
          {entries.slice(0, shown).map(([key, item]) => (
            <Node key={key} name={isList ? undefined : key} value={item} depth={depth - 1} />
          ))}
          {entries.length > shown && (
            <button type="button" className="link" onClick={() => setShown(shown + maxEntries)}>
              {entries.length - shown} more
            </button>
          )}
        </div>
      )}
      {isOpen && close}
    </div>
  );
}

function Leaf({ value }: { value: unknown }): ReactElement {
  if (typeof value === "string") return <span className="string">{JSON.stringify(value)}</span>;
  return <span className={typeof value}>{String(value)}</span>;
}

function preview(value: object): string {
  const text = JSON.stringify(value).slice(1, -1);
  return text.length > 90 ? `${text.slice(0, 90)}…` : text;
}
