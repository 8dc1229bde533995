// Keeps the Directory's row for one app true, from the app's Fleet object.
import { DIRECTORY_NAME } from "../src/settings/directory-name.ts";

export class DirectoryListing {
  readonly #env: Cloudflare.Env;
  readonly #hasReplicas: () => boolean;
  /** What the Directory was last told; null: that is not known, since a restart or a call that failed. */
  #told: boolean | null = null;
  #telling: Promise<void> | null = null;

  constructor(env: Cloudflare.Env, hasReplicas: () => boolean) {
    this.#env = env;
    this.#hasReplicas = hasReplicas;
  }

  /**
   * Tells the Directory whether the app has replicas, until that is what it was told; at once where it was. Gives what it was told,
   * and never fails: what could not be told is told with the next heartbeat, or when the object's alarm comes.
   */
  async sync(app: string): Promise<boolean | null> {
    if (this.#told === this.#hasReplicas()) return this.#told;
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
