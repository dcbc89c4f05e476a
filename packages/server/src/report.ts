/** Tells a program of an error. What the program throws at that, now or later, must not break what goes on here. */
export async function report(
  error: unknown,
  onError: (error: unknown) => void | Promise<void> = console.error,
): Promise<void> {
  try {
    await onError(error);
  } catch (own) {
    console.error(own);
  }
}
