// Keeps the Directory's row of one app true, on behalf of the app's Fleet object.
import { DIRECTORY_NAME } from "../src/settings/directory-name.ts";

export class DirectoryListing {
  readonly #env: Cloudflare.Env;
  readonly #hasReplicas: () => boolean;
  /** What the Directory was last told; null: not known, after a restart or a call that failed. */
  #told: boolean | null = null;
  #telling: Promise<void> | null = null;

  constructor(env: Cloudflare.Env, hasReplicas: () => boolean) {
    this.#env = env;
    this.#hasReplicas = hasReplicas;
  }

  /** Whether the Directory was told how things are. */
  get isTrue(): boolean {
    return this.#told === this.#hasReplicas();
  }

  /** The object had hibernated, which it does only while the listing is true. */
  resume(): void {
    this.#told = this.#hasReplicas();
  }

  /**
   * Tells the Directory whether the app has replicas, unless it was told so before. Gives what the Directory was last told. Never fails: after a failure
   * the next heartbeat or the object's alarm tries again.
   */
  async sync(app: string): Promise<boolean | null> {
    if (this.isTrue) return this.#told;
    this.#telling ??= this.#tell(app).finally(() => (this.#telling = null));
    await this.#telling;
    return this.#told;
  }

  async #tell(app: string): Promise<void> {
    try {
      while (this.#told !== this.#hasReplicas()) {
        const arrived = this.#hasReplicas();
        const directory = this.#env.DIRECTORY.getByName(DIRECTORY_NAME);
        this.#told = null;
        await (arrived ? directory.arrived(app) : directory.left(app));
        this.#told = arrived;
      }
    } catch (error) {
      console.error(JSON.stringify({ message: "the Directory could not be told", app, error: String(error) }));
    }
  }
}
