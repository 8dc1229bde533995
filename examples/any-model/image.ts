// A picture for a prompt, in place of what a diffusion model would draw: the model's name picks the colours, the prompt the
// landscape. The same two texts always give the same SVG.
import { createHash } from "node:crypto";

const SIZE = 512;
const RIDGES = 4;
const POINTS_PER_RIDGE = 7;
const CAPTION_CHARACTERS = 48;

export function drawImage(model: string, prompt: string): string {
  const colours = fractionsOf(model);
  const shape = fractionsOf(prompt);
  const hue = Math.round(colours() * 360);
  const sunHue = 15 + Math.round(colours() * 35);
  const sun = `<circle cx="${round(90 + shape() * 330)}" cy="${round(90 + shape() * 130)}" r="${round(28 + shape() * 40)}"`;
  const ridges = Array.from({ length: RIDGES }, (_, index) => {
    const lightness = 58 - index * 14;
    return `<path d="${ridge(250 + index * 62, shape)}" fill="hsl(${(hue + index * 9) % 360},42%,${lightness}%)"/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${SIZE}" height="${SIZE}" viewBox="0 0 ${SIZE} ${SIZE}">
<title>${escapeXml(prompt)}</title>
<defs><linearGradient id="sky" x2="0" y2="1">
<stop stop-color="hsl(${hue},55%,42%)"/><stop offset=".7" stop-color="hsl(${sunHue},75%,84%)"/>
</linearGradient></defs>
<rect width="${SIZE}" height="${SIZE}" fill="url(#sky)"/>
${sun} fill="hsl(${sunHue},90%,92%)"/>
${ridges.join("\n")}
<g font-family="sans-serif" fill="#fff">
<text x="24" y="466" font-size="17">${escapeXml(shorten(prompt))}</text>
<text x="24" y="490" font-size="13" opacity=".75">${escapeXml(shorten(model))} (simulated)</text>
</g>
</svg>
`;
}

/** A smooth line of hills across the picture, filled down to its lower edge: curves that meet halfway between the points. */
function ridge(top: number, shape: () => number): string {
  const step = SIZE / (POINTS_PER_RIDGE - 1);
  const heights = Array.from({ length: POINTS_PER_RIDGE }, () => top + (shape() - 0.5) * 130);
  const curves = heights.slice(0, -1).map((height, index) => {
    const next = heights[index + 1] ?? height;
    return `Q${round(index * step)} ${round(height)} ${round((index + 0.5) * step)} ${round((height + next) / 2)}`;
  });
  return `M0 ${round(heights[0] ?? top)} ${curves.join(" ")} L${SIZE} ${round(heights.at(-1) ?? top)} V${SIZE} H0 Z`;
}

/** Numbers from 0 to 1 that depend on the text alone, as many as are asked for. */
function fractionsOf(text: string): () => number {
  const bytes = createHash("sha512").update(text).digest();
  let next = 0;
  return () => (bytes[next++ % bytes.length] ?? 0) / 255;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** By grapheme, so that no emoji is cut in half. */
function shorten(text: string): string {
  const characters = Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
  return characters.length <= CAPTION_CHARACTERS ? text : `${characters.slice(0, CAPTION_CHARACTERS - 1).join("")}…`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Text as XML: markup is escaped, and characters that XML 1.0 does not have at all are replaced. */
function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
