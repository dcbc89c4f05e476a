import type { ReactNode } from "react";

/** Drawn in the colour of the text; what they stand for is said by the buttons that hold them. */
function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      {children}
    </svg>
  );
}

function icon(path: string): () => ReactNode {
  return () => (
    <Icon>
      <path d={path} />
    </Icon>
  );
}

export const MenuIcon = icon("M4 7h16M4 12h16M4 17h10");
export const NewChatIcon = icon("M12 5v14M5 12h14");
export const SendIcon = icon("M12 19V5M5.5 11.5 12 5l6.5 6.5");
export const StopIcon = icon("M7 7h10v10H7z");
export const ArrowDownIcon = icon("M12 5v14M5.5 12.5 12 19l6.5-6.5");
export const CheckIcon = icon("m5 12.5 4.5 4.5L19 7.5");
export const CrossIcon = icon("M6.5 6.5l11 11M17.5 6.5l-11 11");
export const RenameIcon = icon("m5 19 .8-4L16 4.8l3.2 3.2L9 18.2z");
export const RemoveIcon = icon("M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7");
export const SunIcon = icon(
  "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M18.4 5.6l-1.1 1.1M6.7 17.3l-1.1 1.1",
);
export const MoonIcon = icon("M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z");
