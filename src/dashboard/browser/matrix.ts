// The matrix of replicas and hints, on a canvas: 1,000 x 200 cells would be too many elements. The mouse and the arrow keys say what a cell is.
import { HEATS, type MatrixData } from "../drawn/matrix.ts";
import { colour, dataOf } from "./data.ts";

/** Pixels: cells, and the margins for names, which are there if cells are large enough. */
const CELL_LEAST = 3;
const CELL_MOST = 22;
const NAMED_CELL = 11;
const NAMES_WIDTH = 110;
const NAMES_HEIGHT = 84;
/** The bars above the columns: how often each hint is asked for. */
const BARS_HEIGHT = 28;
/** What the rows of a large fleet share. */
const ROWS_HEIGHT = 480;

interface Place {
  readonly row: number;
  readonly column: number;
}

let chosen: Place = { row: 0, column: 0 };
const listening = new WeakSet<Element>();

export function drawMatrix(): void {
  const mount = document.querySelector<HTMLElement>("[data-matrix]");
  const canvas = mount?.querySelector("canvas");
  const data = dataOf<MatrixData>("matrix");
  if (!mount || !canvas || data === null) return;
  const layout = layoutOf(mount.clientWidth, data);
  paint(canvas, data, layout);
  if (listening.has(canvas)) return;
  listening.add(canvas);
  canvas.addEventListener("pointermove", (event) => choose(placeAt(canvas, event)));
  canvas.addEventListener("focus", () => choose(chosen));
  canvas.addEventListener("blur", () => drawMatrix());
  canvas.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    event.preventDefault();
    choose({ row: chosen.row + step.row, column: chosen.column + step.column });
  });
}

const STEPS: Readonly<Record<string, Place>> = {
  ArrowUp: { row: -1, column: 0 },
  ArrowDown: { row: 1, column: 0 },
  ArrowLeft: { row: 0, column: -1 },
  ArrowRight: { row: 0, column: 1 },
  PageUp: { row: -20, column: 0 },
  PageDown: { row: 20, column: 0 },
};

interface Layout {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly top: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
}

function layoutOf(width: number, { hints, replicas }: MatrixData): Layout {
  const rows = Math.max(1, replicas.length);
  const cellHeight = Math.min(CELL_MOST, Math.max(CELL_LEAST, Math.floor(ROWS_HEIGHT / rows)));
  const left = cellHeight >= NAMED_CELL ? Math.min(NAMES_WIDTH, width / 3) : 0;
  const cellWidth = Math.min(CELL_MOST, Math.max(CELL_LEAST, (width - left) / Math.max(1, hints.length)));
  const top = (cellWidth >= NAMED_CELL ? NAMES_HEIGHT : 0) + BARS_HEIGHT;
  const drawn = Math.max(width, left + cellWidth * hints.length);
  return { width: drawn, height: top + cellHeight * rows, left, top, cellWidth, cellHeight };
}

function paint(canvas: HTMLCanvasElement, { hints, replicas }: MatrixData, layout: Layout): void {
  const { width, height, left, top, cellWidth, cellHeight } = layout;
  const scale = devicePixelRatio;
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  if (context === null) return;
  context.scale(scale, scale);
  context.clearRect(0, 0, width, height);
  const heats = HEATS.map((_, index) => colour(`heat-${index}`));
  const gap = cellHeight >= 6 && cellWidth >= 6 ? 1 : 0;
  context.fillStyle = colour("cell");
  for (let row = 0; row < replicas.length; row++) {
    context.fillRect(left, top + row * cellHeight, hints.length * cellWidth - gap, cellHeight - gap);
  }
  for (const [row, { cells }] of replicas.entries()) {
    for (const [column, heat] of cells) {
      context.fillStyle = heats[heat] ?? "";
      context.fillRect(left + column * cellWidth, top + row * cellHeight, cellWidth - gap, cellHeight - gap);
      // Loading shows without its colour too.
      if (heat === 0 && gap > 0)
        context.clearRect(left + column * cellWidth + 3, top + row * cellHeight + 3, cellWidth - 7, cellHeight - 7);
    }
  }
  const mostAsked = Math.max(1, ...hints.map(({ asked }) => asked));
  context.fillStyle = colour("muted");
  for (const [column, { asked }] of hints.entries()) {
    const height = ((BARS_HEIGHT - 6) * asked) / mostAsked;
    context.fillRect(left + column * cellWidth, top - 3 - height, Math.max(1, cellWidth - gap - 1), height);
  }
  context.fillStyle = colour("text");
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  if (left > 0) {
    context.fillText("asked for", 0, top - BARS_HEIGHT / 2);
    for (const [row, { replica }] of replicas.entries()) {
      context.fillText(fitting(context, replica, left - 8), 0, top + (row + 0.5) * cellHeight);
    }
  }
  if (top > BARS_HEIGHT) {
    for (const [column, { hint }] of hints.entries()) {
      context.save();
      context.translate(left + (column + 0.5) * cellWidth, top - BARS_HEIGHT - 6);
      context.rotate(-Math.PI / 3);
      context.fillText(fitting(context, hint, NAMES_HEIGHT), 0, 0);
      context.restore();
    }
  }
  if (document.activeElement === canvas) {
    context.strokeStyle = colour("text");
    context.lineWidth = 2;
    context.strokeRect(
      left + chosen.column * cellWidth,
      top + chosen.row * cellHeight,
      Math.max(4, cellWidth),
      Math.max(4, cellHeight),
    );
  }
}

function fitting(context: CanvasRenderingContext2D, text: string, width: number): string {
  if (context.measureText(text).width <= width) return text;
  let most = text.length;
  while (most > 1 && context.measureText(`${text.slice(0, most)}…`).width > width) most--;
  return `${text.slice(0, most)}…`;
}

function placeAt(canvas: HTMLCanvasElement, event: PointerEvent): Place | null {
  const data = dataOf<MatrixData>("matrix");
  if (data === null) return null;
  const { left, top, cellWidth, cellHeight } = layoutOf(canvas.parentElement?.clientWidth ?? 0, data);
  const place = { row: Math.floor((event.offsetY - top) / cellHeight), column: Math.floor((event.offsetX - left) / cellWidth) };
  return data.replicas[place.row] !== undefined && data.hints[place.column] !== undefined && place.row >= 0 ? place : null;
}

/** Says what the cell is, and marks it where the keyboard chose it. */
function choose(place: Place | null): void {
  const data = dataOf<MatrixData>("matrix");
  const status = document.querySelector("[data-matrix] .cell");
  if (data === null || status === null || place === null) return;
  chosen = {
    row: Math.min(data.replicas.length - 1, Math.max(0, place.row)),
    column: Math.min(data.hints.length - 1, Math.max(0, place.column)),
  };
  const [replica, hint] = [data.replicas[chosen.row], data.hints[chosen.column]];
  if (replica === undefined || hint === undefined) return;
  const heat = replica.cells.find(([column]) => column === chosen.column)?.[1];
  const state = heat === undefined ? "cold" : heat === 0 ? "loading" : `warm, used ${HEATS[heat]}`;
  status.textContent = `${replica.replica} × ${hint.hint}: ${state}. Asked for by ${hint.asked} % of requests.`;
  if (document.activeElement?.closest("[data-matrix]")) drawMatrix();
}
