import { useCallback, useLayoutEffect, useRef, useState } from "react";

/** So near to its end, in pixels, a conversation is read at its end. */
const near = 48;

/** Keeps the end of what grows in sight, until the reader scrolls up. */
export function useStickToEnd() {
  const scrollRef = useRef<HTMLDivElement>(null);
  const contentRef = useRef<HTMLDivElement>(null);
  const isSticking = useRef(true);
  const [isAtEnd, setAtEnd] = useState(true);

  const scrollToEnd = useCallback(() => {
    isSticking.current = true;
    setAtEnd(true);
    scrollRef.current?.scrollTo({ top: scrollRef.current.scrollHeight });
  }, []);

  useLayoutEffect(() => {
    const scroll = scrollRef.current;
    const content = contentRef.current;
    if (!scroll || !content) return;
    let top = 0;
    const look = () => {
      const isEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < near;
      // What grows below is no scrolling: only the reader scrolls up.
      if (isEnd || scroll.scrollTop < top) isSticking.current = isEnd;
      top = scroll.scrollTop;
      setAtEnd(isSticking.current);
    };
    const follow = new ResizeObserver(() => {
      if (isSticking.current) scroll.scrollTo({ top: scroll.scrollHeight });
    });
    follow.observe(content);
    follow.observe(scroll);
    scroll.addEventListener("scroll", look, { passive: true });
    return () => {
      follow.disconnect();
      scroll.removeEventListener("scroll", look);
    };
  }, []);

  return { scrollRef, contentRef, isAtEnd, scrollToEnd };
}
