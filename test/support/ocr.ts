// Whether the packages of examples/ocr are installed. They are no part of the project, because they are large.
import { existsSync } from "node:fs";
import path from "node:path";
import { PROJECT } from "../../scripts/bundle.ts";

export const OCR = path.join(PROJECT, "examples", "ocr");

/** If REQUIRE_OCR is set, as in CI, they must be. */
export function hasOcr(): boolean {
  const isThere = ["tesseract.js", "@napi-rs/canvas"].every((name) => existsSync(path.join(OCR, "node_modules", name)));
  if (!isThere && process.env["REQUIRE_OCR"] === "1") throw new Error("REQUIRE_OCR is set, and examples/ocr has no packages");
  if (!isThere) console.warn("skipped: the packages of examples/ocr are not installed (npm ci --prefix examples/ocr)");
  return isThere;
}
