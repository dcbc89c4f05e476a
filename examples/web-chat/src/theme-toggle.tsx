import { useLayoutEffect, useState } from "react";
import { MoonIcon, SunIcon } from "./icons.tsx";
import { useMediaQuery } from "./use-media-query.ts";

/** Light or dark: what the system has, until it is chosen here. */
export function ThemeToggle() {
  const [chosen, setChosen] = useState(() => localStorage.getItem("theme"));
  const isSystemDark = useMediaQuery("(prefers-color-scheme: dark)");
  const isDark = chosen === null ? isSystemDark : chosen === "dark";

  useLayoutEffect(() => {
    if (chosen !== null) document.documentElement.dataset["theme"] = chosen;
  }, [chosen]);

  const toggle = () => {
    const next = isDark ? "light" : "dark";
    localStorage.setItem("theme", next);
    setChosen(next);
  };
  return (
    <button type="button" className="theme-toggle" onClick={toggle}>
      {isDark ? <SunIcon /> : <MoonIcon />}
      {isDark ? "Light colours" : "Dark colours"}
    </button>
  );
}
