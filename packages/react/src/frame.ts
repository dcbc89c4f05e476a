/** In a tab that is not shown there are no frames: then this often, in milliseconds. */
const hiddenMs = 250;

/** Calls back at the next animation frame, or a little later where there is none. Gives the function that takes it back. */
export function atNextFrame(callback: () => void): () => void {
  const cancel = (): void => {
    if (frame !== undefined) cancelAnimationFrame(frame);
    clearTimeout(timer);
  };
  const call = (): void => {
    cancel();
    callback();
  };
  const frame = typeof requestAnimationFrame === "function" ? requestAnimationFrame(call) : undefined;
  const timer = setTimeout(call, hiddenMs);
  return cancel;
}
