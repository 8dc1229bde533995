// The script of the dashboard's pages: keeps them up to date, draws charts and the matrix, and asks before a replica is changed. The pages are whole
// without the script, but for that.
import { Idiomorph } from "idiomorph";
import { listenForChanges } from "./change.ts";
import { drawCharts } from "./charts.ts";
import { drawMatrix } from "./matrix.ts";

const { live, liveKey } = document.body.dataset;
/** A connection that is open again by then was not lost. */
const LOST_AFTER_MS = 2000;
const connection = document.querySelector("#connection");

let soon = 0;
draw();
if (live !== undefined && liveKey !== undefined) listen(live, liveKey);
listenForChanges();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("resize", drawSoon);

/** Once, however much has changed. */
function drawSoon(): void {
  cancelAnimationFrame(soon);
  soon = requestAnimationFrame(draw);
}

function draw(): void {
  for (const time of document.querySelectorAll("time")) {
    time.textContent = new Date(time.dateTime).toLocaleTimeString();
    time.title = new Date(time.dateTime).toLocaleString();
  }
  drawCharts();
  drawMatrix();
}

function listen(path: string, key: string): void {
  const address = new URL(path, location.href);
  for (const [name, value] of new URLSearchParams(location.search)) address.searchParams.set(name, value);
  address.searchParams.set("key", key);
  const events = new EventSource(address);
  say("Connecting …");
  let lost = 0;
  events.addEventListener("open", () => {
    clearTimeout(lost);
    lost = 0;
    say("Live");
  });
  // The server ends each connection after a while, and the browser opens the next.
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) say("Signed out, or out of reach: reload the page.");
    else lost ||= setTimeout(() => say("Connection lost, trying again …"), LOST_AFTER_MS);
  });
  events.addEventListener("section", ({ data }: MessageEvent<string>) => {
    const { id, html } = JSON.parse(data) as { id: string; html: string };
    const section = document.querySelector(`#${CSS.escape(id)}`);
    if (section === null) return;
    void Idiomorph.morph(section, html, {
      ignoreActiveValue: true,
      callbacks: { beforeNodeMorphed: isOurs, beforeAttributeUpdated },
    });
    drawSoon();
  });
  events.addEventListener("gone", () => {
    events.close();
    say("The app’s last replica has left.");
  });
}

/** What the script has drawn stays; what is said of that to those who do not see it is brought up to date. */
function isOurs(before: Node, after: Node): boolean {
  if (!(before instanceof HTMLElement) || before.dataset["keep"] === undefined) return true;
  const label = "[aria-label]";
  const [old, its] = [before, after].map((node) =>
    node instanceof HTMLElement && node.matches(label) ? node : (node as Element).querySelector(label),
  );
  old?.setAttribute("aria-label", its?.getAttribute("aria-label") ?? "");
  return false;
}

/** What the reader has opened or typed stays. */
function beforeAttributeUpdated(name: string, node: Element): boolean {
  return !(node instanceof HTMLDetailsElement && name === "open");
}

function say(text: string): void {
  if (connection === null || connection.textContent === text) return;
  connection.textContent = text;
  connection.classList.toggle("live", text === "Live");
}
