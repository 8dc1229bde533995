// What a request must say: JSON with a model and a prompt. The first field that is wrong is named, in the form of fal's 422.

export interface Input {
  readonly model: string;
  readonly prompt: string;
}

export interface Fault {
  /** Where: ["body"] or ["body", field]. */
  readonly loc: readonly string[];
  readonly msg: string;
  readonly type: string;
}

export type InputResult = { readonly ok: true; readonly input: Input } | { readonly ok: false; readonly fault: Fault };

export const BODY_BYTES_MAX = 65_536;
const MODEL_CHARACTERS_MAX = 200;
const PROMPT_CHARACTERS_MAX = 2000;

/** A model's name is also its hint, which travels in a header: visible ASCII, and no comma, since commas separate hints. */
const MODEL_NAME = /^[\u0021-\u002b\u002d-\u007e]+$/;

export function parseInput(text: string): InputResult {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return faulty(["body"], "is not JSON", "json_invalid");
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    return faulty(["body"], "must be an object with model and prompt", "dict_type");
  }
  const { model, prompt } = body as Record<string, unknown>;
  const wrongModel = textFault("model", model, MODEL_CHARACTERS_MAX);
  if (wrongModel !== null) return wrongModel;
  if (!MODEL_NAME.test(String(model))) {
    return faulty(["body", "model"], "must be visible ASCII characters without a comma", "string_pattern_mismatch");
  }
  const wrongPrompt = textFault("prompt", prompt, PROMPT_CHARACTERS_MAX);
  return wrongPrompt ?? { ok: true, input: { model: String(model), prompt: String(prompt) } };
}

function textFault(field: string, value: unknown, charactersMax: number): InputResult | null {
  const loc = ["body", field];
  if (value === undefined) return faulty(loc, "is required", "missing");
  if (typeof value !== "string") return faulty(loc, "must be a string", "string_type");
  if (value.trim() === "") return faulty(loc, "must not be empty", "string_too_short");
  if (value.length > charactersMax) return faulty(loc, `must have at most ${charactersMax} characters`, "string_too_long");
  return null;
}

function faulty(loc: readonly string[], rule: string, type: string): InputResult {
  return { ok: false, fault: { loc, msg: `${loc.at(-1)} ${rule}`, type } };
}
