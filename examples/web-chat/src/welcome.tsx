const ideas = [
  { title: "Plan a weekend", text: "What is the forecast for Lisbon and Oslo?" },
  {
    title: "Write a postcard",
    text: "Write a postcard to Ada saying Greetings from the mill! The stream runs high, the wheel turns day and night, and every evening we sit by the water and watch it work.",
  },
  { title: "See how it works", text: "How does this page follow a stream?" },
  { title: "Let something fail", text: "Book a table for two at Casa Nova" },
];

/** What a chat that has not begun shows. */
export function Welcome({ onAsk }: { onAsk: (text: string) => void }) {
  return (
    <div className="welcome">
      <svg className="mark" viewBox="0 0 48 32" aria-hidden="true">
        <path d="M2 10c7.3-9 14.7-9 22 0s14.7 9 22 0" />
        <path d="M2 23c7.3-9 14.7-9 22 0s14.7 9 22 0" />
      </svg>
      <h2>What shall we look into?</h2>
      <ul>
        {ideas.map(({ title, text }) => (
          <li key={title}>
            <button type="button" onClick={() => onAsk(text)}>
              <strong>{title}</strong>
              <span>{text}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
