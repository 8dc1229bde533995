// Drains, undrains and removes replicas, after asking.

const TEXTS: Readonly<Record<string, { readonly title: string; readonly text: string }>> = {
  drain: {
    title: "Drain",
    text: "It gets no further requests. Those that run are finished. It stays drained until it is undrained.",
  },
  undrain: { title: "Undrain", text: "It gets requests again." },
  remove: {
    title: "Remove",
    text: "It leaves the fleet at once, and its running requests are finished. This incarnation of it can’t return; a restarted replica can.",
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
    dialog.close();
  } catch (error) {
    text("change-fault", error instanceof Error ? error.message : String(error));
  }
}

function text(id: string, content: string): void {
  const element = document.querySelector(`#${id}`);
  if (element !== null) element.textContent = content;
}
