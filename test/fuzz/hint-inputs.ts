// Requests with odd hints.
import { latin, REFUSED, withLines, type Odd } from "./client-input.ts";
import type { Draw } from "./draw.ts";
import { BAD_REQUEST, SERVED, type Input } from "./input.ts";

export function hintInput(draw: Draw, number: number): Input {
  return withLines("hint", number, oddHint(draw));
}

function oddHint(draw: Draw): Odd {
  const name = draw.pick(["x-fal-runner-hint", "X-Fal-Runner-Hint", "X-FAL-RUNNER-HINT"]);
  const odd = (fault: string, values: readonly string[], allowed: readonly string[]): Odd => ({
    fault,
    lines: values.map((value) => `${name}: ${value}`),
    allowed,
  });
  const among = (bad: string) =>
    draw.chance(0.5) ? bad : draw.shuffled([bad, "sdxl", draw.word()]).join(draw.pick([",", " , "]));
  const character = (codes: readonly number[]) => `${draw.word()}${String.fromCharCode(draw.pick(codes))}${draw.word()}`;
  const words = (count: number) => Array.from({ length: count }, (_, index) => `${draw.word(6)}${index}`);
  const control = Array.from({ length: 0x20 }, (_, code) => code).filter((code) => ![0, 10, 13].includes(code));
  const high = Array.from({ length: 0x80 }, (_, index) => 0x80 + index);
  switch (draw.int(1, 9)) {
    case 1:
      return odd("control byte", [among(character([...control, 0x7f]))], BAD_REQUEST);
    case 2:
      return odd("line break or NUL", [among(character([0, 10, 13]))], [...REFUSED, ...SERVED]);
    case 3:
      return odd("byte above 0x7f", [among(character(high))], BAD_REQUEST);
    case 4:
      return odd(
        "UTF-8",
        [among(latin(`a${draw.pick(["é", "模型", "🙂", "\u200b", "\u00a0", "\u2028", "\ufeff"])}b`))],
        BAD_REQUEST,
      );
    case 5:
      return odd("too long", [among("x".repeat(draw.int(513, 5000)))], BAD_REQUEST);
    case 6:
      return odd("too many", [words(draw.int(9, 300)).join(",")], BAD_REQUEST);
    case 7:
      return odd("too many in several lines", words(draw.int(9, 40)), BAD_REQUEST);
    case 8:
      return odd(
        "none: separators",
        [draw.pick([",", ",,,,", " , ,\t,", "", " ", "\t", ",".repeat(3000), "a,,a , a", "a\t,\tb"])],
        SERVED,
      );
    default:
      return odd("none: at the bounds", [words(8).join(","), draw.pick(["", ","])], SERVED);
  }
}
