// The script of the dashboard's pages: keeps them up to date, draws charts and the matrix, and asks before a replica is changed. The pages are whole
// without the script, but for that.
import { Idiomorph } from "idiomorph";
import { listenForChanges } from "./change.ts";
import { drawCharts } from "./charts.ts";
import { drawMatrix } from "./matrix.ts";

const { live, liveKey } = document.body.dataset;
const connection = document.querySelector("#connection");

draw();
if (live !== undefined && liveKey !== undefined) listen(live, liveKey);
listenForChanges();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
let resized = 0;
addEventListener("resize", () => {
  cancelAnimationFrame(resized);
  resized = requestAnimationFrame(draw);
});

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
  events.addEventListener("open", () => say("Live"));
  events.addEventListener("error", () => {
    say(
      events.readyState === EventSource.CLOSED
        ? "Signed out, or out of reach: reload the page."
        : "Connection lost, trying again …",
    );
  });
  events.addEventListener("section", ({ data }: MessageEvent<string>) => {
    const { id, html } = JSON.parse(data) as { id: string; html: string };
    const section = document.querySelector(`#${CSS.escape(id)}`);
    if (section === null) return;
    void Idiomorph.morph(section, html, {
      ignoreActiveValue: true,
      callbacks: { beforeNodeMorphed: isOurs, beforeAttributeUpdated },
    });
    draw();
  });
  events.addEventListener("gone", () => {
    events.close();
    say("The app’s last replica has left.");
  });
}

/** What the script has drawn stays. */
function isOurs(node: Node): boolean {
  return !(node instanceof HTMLElement && node.dataset["keep"] !== undefined);
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
