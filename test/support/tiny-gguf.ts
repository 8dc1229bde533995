// A tiny llama model with random weights as a GGUF file, half a megabyte: llama.cpp and Ollama load it in a moment, and what it writes is nonsense.
// https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
import { writeFileSync } from "node:fs";

const [VOCABULARY, WIDTH, FEED_FORWARD, HEADS, BLOCKS, CONTEXT] = [300, 64, 128, 4, 2, 65_536];
const ALIGNMENT = 32;
/** GGUF's numbers for types of values, and for tensors of 32-bit floats. */
const [UINT32, INT32, FLOAT32, STRING, ARRAY] = [4, 5, 6, 8, 9];
const F32 = 0;

export function writeTinyModel(file: string, name: string, seed: number): void {
  const tokens = tokensOf();
  const keys = [
    ...[text("general.architecture", "llama"), text("general.name", name), text("tokenizer.ggml.model", "llama")],
    ...[uint("llama.context_length", CONTEXT), uint("llama.embedding_length", WIDTH), uint("llama.block_count", BLOCKS)],
    ...[uint("llama.feed_forward_length", FEED_FORWARD), uint("llama.attention.head_count", HEADS)],
    ...[uint("llama.attention.head_count_kv", HEADS), uint("llama.rope.dimension_count", WIDTH / HEADS)],
    ...[uint("llama.vocab_size", VOCABULARY), pair("llama.attention.layer_norm_rms_epsilon", FLOAT32, float(1e-5))],
    list(
      "tokenizer.ggml.tokens",
      STRING,
      tokens.map(([token]) => string(token)),
    ),
    list(
      "tokenizer.ggml.scores",
      FLOAT32,
      tokens.map(() => float(0)),
    ),
    list(
      "tokenizer.ggml.token_type",
      INT32,
      tokens.map(([, type]) => int32(type)),
    ),
    ...[
      uint("tokenizer.ggml.unknown_token_id", 0),
      uint("tokenizer.ggml.bos_token_id", 1),
      uint("tokenizer.ggml.eos_token_id", 2),
    ],
  ];
  const random = randomFrom(seed);
  const infos: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (const [tensor, shape] of tensors()) {
    const count = shape.reduce((product, length) => product * length, 1);
    const isNorm = tensor.includes("norm");
    const values = Float32Array.from({ length: count }, () => (isNorm ? 1 : (random() - 0.5) / 5));
    const lengths = shape.map((length) => int64(length));
    infos.push(string(tensor), uint32(shape.length), ...lengths, uint32(F32), int64(offset));
    const bytes = padded(Buffer.from(values.buffer));
    data.push(bytes);
    offset += bytes.length;
  }
  const head = [Buffer.from("GGUF"), uint32(3), int64(tensors().length), int64(keys.length)];
  writeFileSync(file, Buffer.concat([padded(Buffer.concat([...head, ...keys, ...infos])), ...data]));
}

/** Lengths with the innermost first, as GGUF has them. */
function tensors(): readonly (readonly [name: string, shape: readonly number[]])[] {
  const square = [WIDTH, WIDTH];
  const blocks = Array.from({ length: BLOCKS }, (_, block) => [
    [`blk.${block}.attn_norm.weight`, [WIDTH]] as const,
    ...["attn_q", "attn_k", "attn_v", "attn_output"].map((its) => [`blk.${block}.${its}.weight`, square] as const),
    [`blk.${block}.ffn_norm.weight`, [WIDTH]] as const,
    [`blk.${block}.ffn_gate.weight`, [WIDTH, FEED_FORWARD]] as const,
    [`blk.${block}.ffn_up.weight`, [WIDTH, FEED_FORWARD]] as const,
    [`blk.${block}.ffn_down.weight`, [FEED_FORWARD, WIDTH]] as const,
  ]);
  return [
    ["token_embd.weight", [WIDTH, VOCABULARY]],
    ["output_norm.weight", [WIDTH]],
    ["output.weight", [WIDTH, VOCABULARY]],
    ...blocks.flat(),
  ];
}

/** Each token with its type: unknown 2, control 3, byte 6, normal 1. */
function tokensOf(): readonly (readonly [token: string, type: number])[] {
  const bytes = Array.from({ length: 256 }, (_, byte) => {
    return [`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`, 6] as const;
  });
  const first = [["<unk>", 2] as const, ["<s>", 3] as const, ["</s>", 3] as const, ...bytes];
  return [...first, ...Array.from({ length: VOCABULARY - first.length }, (_, index) => [`w${index}`, 1] as const)];
}

const pair = (key: string, type: number, value: Buffer) => Buffer.concat([string(key), uint32(type), value]);
const text = (key: string, value: string) => pair(key, STRING, string(value));
const uint = (key: string, value: number) => pair(key, UINT32, uint32(value));
const list = (key: string, type: number, values: readonly Buffer[]) =>
  pair(key, ARRAY, Buffer.concat([uint32(type), int64(values.length), ...values]));

function string(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int64(bytes.length), bytes]);
}

function written(bytes: number, write: (buffer: Buffer) => void): Buffer {
  const buffer = Buffer.alloc(bytes);
  write(buffer);
  return buffer;
}

const uint32 = (value: number) => written(4, (buffer) => buffer.writeUInt32LE(value));
const int32 = (value: number) => written(4, (buffer) => buffer.writeInt32LE(value));
const float = (value: number) => written(4, (buffer) => buffer.writeFloatLE(value));
const int64 = (value: number) => written(8, (buffer) => buffer.writeBigUInt64LE(BigInt(value)));

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((ALIGNMENT - (bytes.length % ALIGNMENT)) % ALIGNMENT)]);
}

/** Numbers from 0 to 1 that the seed alone decides: a linear congruence is random enough here. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
