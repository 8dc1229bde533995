// The languages that a replica can read. Each needs a model of its own, which is in a package of its own.
export const LANGUAGES = [
  ...(["ces", "dan", "deu", "ell", "eng", "fin", "fra", "hun"] as const),
  ...(["ita", "nld", "pol", "por", "spa", "swe", "tur", "ukr"] as const),
];

export type Language = (typeof LANGUAGES)[number];

export function isLanguage(text: string | null): text is Language {
  return LANGUAGES.some((language) => language === text);
}
