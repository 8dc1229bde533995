// What all pages of the dashboard have in common.
import type { Child } from "hono/jsx";
import { ASSETS } from "./assets.generated.ts";

/** A part of a page that is brought up to date as a whole. Its `html` is an element with that id. */
export interface Section {
  readonly id: string;
  readonly html: string;
}

interface PageProps {
  readonly title: string;
  /** Null: the page of all apps. */
  readonly app: string | null;
  readonly formKey: string;
  readonly liveKey: string;
  readonly sections: readonly Section[];
}

export function Page({ title, app, formKey, liveKey, sections }: PageProps) {
  const path = app === null ? "/-/" : `/-/dashboard/${encodeURIComponent(app)}`;
  const live = app === null ? "/-/live" : `${path}/live`;
  return (
    <Shell title={title}>
      <body
        data-live={live}
        data-live-key={liveKey}
        data-change={app === null ? null : `${path}/replicas`}
        data-form-key={formKey}
      >
        <a class="skip" href="#main">
          Skip to content
        </a>
        <header>
          <nav aria-label="Pages">
            <a href="/-/" class="brand" aria-current={app === null ? "page" : undefined}>
              Warmpath
            </a>
            {app !== null && (
              <span>
                <span aria-hidden="true">/ </span>
                <a href={path} aria-current="page">
                  {app}
                </a>
              </span>
            )}
          </nav>
          <p id="connection" role="status" class="connection">
            <noscript>Without JavaScript this page shows one moment, and replicas can’t be drained here.</noscript>
          </p>
          <form method="post" action="/-/sign-out">
            <input type="hidden" name="key" value={formKey} />
            <button type="submit">Sign out</button>
          </form>
        </header>
        <main id="main" tabindex={-1}>
          <h1>{title}</h1>
          {sections.map(({ html }) => (
            <Raw html={html} />
          ))}
        </main>
        {app !== null && <ChangeDialog />}
      </body>
    </Shell>
  );
}

/** Asks before a replica is drained, undrained or removed. The script fills in the blanks. */
function ChangeDialog() {
  return (
    <dialog id="change" aria-labelledby="change-title">
      <form method="dialog">
        <h2 id="change-title" />
        <p id="change-text" />
        <p id="change-fault" role="alert" class="fault" />
        <div class="actions">
          <button type="button" id="change-cancel">
            Cancel
          </button>
          <button type="submit" id="change-do" class="primary" />
        </div>
      </form>
    </dialog>
  );
}

interface SignInProps {
  readonly fault: string | null;
  /** The session has begun, and the next page comes by itself. */
  readonly done?: boolean;
}

export function SignInPage({ fault, done = false }: SignInProps) {
  return (
    <Shell title={done ? "Signed in" : "Sign in"}>
      <body>
        <main id="main" class="sign-in">
          <h1>Warmpath</h1>
          {done ? (
            <p>
              Signed in. <a href="/-/">Go to the apps</a>
            </p>
          ) : (
            <form method="post" action="/-/sign-in">
              <label for="token">Administrator’s token (ADMIN_TOKEN)</label>
              <input
                id="token"
                name="token"
                type="password"
                autocomplete="current-password"
                required
                aria-invalid={fault === null ? undefined : "true"}
                aria-describedby={fault === null ? undefined : "fault"}
              />
              {fault !== null && (
                <p id="fault" class="fault" role="alert">
                  {fault}
                </p>
              )}
              <button type="submit" class="primary">
                Sign in
              </button>
            </form>
          )}
        </main>
      </body>
    </Shell>
  );
}

export function GonePage({ app }: { readonly app: string }) {
  return (
    <Shell title="No such app">
      <body>
        <main id="main" class="sign-in">
          <h1>No such app</h1>
          <p>The app {app} has no replicas now.</p>
          <p>
            <a href="/-/">All apps</a>
          </p>
        </main>
      </body>
    </Shell>
  );
}

function Shell({ title, children }: { readonly title: string; readonly children?: Child }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{`${title} · Warmpath`}</title>
        <link rel="icon" href={ICON} />
        <link rel="stylesheet" href={`/-/assets/${ASSETS.css.name}`} />
        <script src={`/-/assets/${ASSETS.js.name}`} defer />
      </head>
      {children}
    </html>
  );
}

/** HTML that JSX made before. */
function Raw({ html }: { readonly html: string }) {
  return <div class="section" dangerouslySetInnerHTML={{ __html: html }} />;
}

/** A flame. */
const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='%23e8590c' d='M8 0c1 4 5 5 5 10a5 5 0 0 1-10 0c0-2 1-3 2-4 0 2 1 2 1 2 1-2 0-5 2-8z'/%3E%3C/svg%3E";
