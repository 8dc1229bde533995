// What the programs of this folder have in common: one message with the input, then one with the answer; they end with their starter.
export async function serve<Input, Answer>(run: (input: Input) => Promise<Answer>): Promise<void> {
  process.on("disconnect", () => process.exit(0));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  const input = await new Promise<Input>((resolve) => process.once("message", (message) => resolve(message as Input)));
  process.send?.(await run(input));
}
