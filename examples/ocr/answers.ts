// What a replica answers, as JSON.
import type { Language } from "./languages.ts";

/** What a page is answered. */
export interface Reading {
  readonly replica: string;
  readonly language: Language;
  readonly text: string;
  /** Null: the language was in memory. */
  readonly load_ms: number | null;
  readonly recognise_ms: number;
}

/** What `GET /` is answered. */
export interface Report {
  readonly replica: string;
  readonly held: readonly Language[];
  readonly loads: number;
  readonly pages: number;
  /** Of the process so far. */
  readonly cpu_ms: number;
  readonly resident_mib: number;
}
