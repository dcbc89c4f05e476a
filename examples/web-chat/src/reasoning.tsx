/** What the model thought, folded away. */
export function Reasoning({ text, isArriving }: { text: string; isArriving: boolean }) {
  return (
    <details className="reasoning">
      <summary data-arriving={isArriving}>{isArriving ? "Thinking" : "Thoughts"}</summary>
      <p>{text}</p>
    </details>
  );
}
