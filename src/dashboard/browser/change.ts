// Drains, undrains and removes replicas, after asking.

const TEXTS: Readonly<Record<string, { readonly title: string; readonly text: string }>> = {
  drain: {
    title: "Drain",
    text: "It gets no further requests. Those that run are finished. It stays drained until it is undrained, or reports a new process.",
  },
  undrain: { title: "Undrain", text: "It gets requests again." },
  remove: {
    title: "Remove",
    text: "It leaves the fleet at once, and its running requests are finished. This process is refused for one time to live; a restarted replica joins at once.",
  },
};

/** The buttons come and go with their section, so the document listens for them. */
export function listenForChanges(): void {
  const dialog = document.querySelector<HTMLDialogElement>("#change");
  if (dialog === null) return;
  let [change, replica] = ["", ""];
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest<HTMLButtonElement>("button[data-do]") : null;
    if (button === null) return;
    ({ do: change = "", replica = "" } = button.dataset);
    ask(dialog, change, replica);
  });
  dialog.querySelector("#change-cancel")?.addEventListener("click", () => dialog.close());
  dialog.querySelector("form")?.addEventListener("submit", (event) => {
    event.preventDefault();
    void send(dialog, change, replica);
  });
}

function ask(dialog: HTMLDialogElement, change: string, replica: string): void {
  const texts = TEXTS[change];
  if (texts === undefined) return;
  dialog.dataset["asks"] = `${change} ${replica}`;
  text("change-title", `${texts.title} ${replica}?`);
  text("change-text", texts.text);
  text("change-do", texts.title);
  text("change-fault", "");
  dialog.showModal();
  dialog.querySelector<HTMLButtonElement>("#change-cancel")?.focus();
}

async function send(dialog: HTMLDialogElement, change: string, replica: string): Promise<void> {
  const { change: path = "", formKey = "" } = document.body.dataset;
  const body = new URLSearchParams({ change, replica, key: formKey });
  try {
    const response = await fetch(path, { method: "POST", body });
    const answer = (await response.json()) as { detail?: string };
    if (!response.ok) throw new Error(answer.detail ?? `The router answered ${response.status}.`);
    if (isAsked(dialog, change, replica)) dialog.close();
  } catch (error) {
    if (isAsked(dialog, change, replica)) text("change-fault", error instanceof Error ? error.message : String(error));
  }
}

/** Whether the dialog still asks that: the answer may be late, and the reader elsewhere. */
function isAsked(dialog: HTMLDialogElement, change: string, replica: string): boolean {
  return dialog.open && dialog.dataset["asks"] === `${change} ${replica}`;
}

function text(id: string, content: string): void {
  const element = document.querySelector(`#${id}`);
  if (element !== null) element.textContent = content;
}
