import type { MessageView, PartView } from "millrace";
import { memo } from "react";
import { Markdown } from "./markdown.tsx";
import { Reasoning } from "./reasoning.tsx";
import { ToolCard } from "./tool-card.tsx";

interface MessageProps {
  message: MessageView;
  isArriving: boolean;
}

/** One message. Those that did not change keep their identity, so only the one that arrives is drawn again. */
export const Message = memo(function Message({ message, isArriving }: MessageProps) {
  const { role, parts } = message;
  if (role === "system") return null;
  return (
    <article className={`message ${role}`} aria-label={role === "user" ? "You" : "Assistant"}>
      {parts.map((part, index) => {
        // Parts are only ever added at the end.
        // biome-ignore lint/suspicious/noArrayIndexKey: see above
        return <Part key={index} part={part} role={role} isArriving={isArriving} isLast={index === parts.length - 1} />;
      })}
    </article>
  );
});

interface PartProps {
  part: PartView;
  role: MessageView["role"];
  isArriving: boolean;
  isLast: boolean;
}

function Part({ part, role, isArriving, isLast }: PartProps) {
  const isGrowing = isArriving && isLast;
  switch (part.type) {
    case "text":
      if (role === "user") return <p className="said">{part.text}</p>;
      return <Markdown text={part.text} isArriving={isGrowing} />;
    case "refusal":
      return <p className="refusal">{part.text}</p>;
    case "reasoning":
      return <Reasoning text={part.text} isArriving={isGrowing} />;
    case "tool":
      return <ToolCard card={part} isLive={isArriving} />;
    default:
      // Files, sources, tools of the provider: draw them when your agent makes them.
      return <p className="other-part">{part.type}</p>;
  }
}
