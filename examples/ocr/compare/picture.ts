// A page as a picture. Nothing but the font comes from a file.
import { createRequire } from "node:module";
import { createCanvas, GlobalFonts } from "@napi-rs/canvas";

const PIXELS = { width: 1000, line: 40, font: 24, margin: 20 } as const;
const FONT = "page";

GlobalFonts.registerFromPath(createRequire(import.meta.url).resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf"), FONT);

/** A PNG of some tens of kilobytes. */
export function pngOf(lines: readonly string[]): Buffer {
  const { width, line, font, margin } = PIXELS;
  const canvas = createCanvas(width, line * lines.length + 2 * margin);
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#000000";
  context.font = `${font}px ${FONT}`;
  for (const [index, text] of lines.entries()) context.fillText(text, margin, margin + font + line * index);
  return canvas.toBuffer("image/png");
}
