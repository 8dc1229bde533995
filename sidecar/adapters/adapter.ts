// What an adapter knows of one kind of server: how to ask it what it holds. It decides nothing and keeps nothing between looks.
import type { Server } from "../server.ts";

/** A model in memory by every name that a request may call it. The first is the server's own. */
export type Names = readonly string[];

/** What one look at the server shows. */
export interface Look {
  /** The models that it holds in memory, the least recently used first where that is known. Null: it does not say, so the router learns it from answers. */
  readonly models: readonly Names[] | null;
  /** How many models it can hold at once; null: it does not say. */
  readonly slots: number | null;
  /** How many requests it takes at once; null: it does not say. */
  readonly concurrency: number | null;
}

export interface Adapter {
  /** For people. */
  readonly title: string;
  /** Where such a server is if nothing is said; null: it has no place of its own. */
  readonly url: string | null;
  /** Whether requests go to another port than questions, so that --origin must be given. */
  readonly isApart: boolean;
  /** Whether `models` are those that were used, of which the last `slots` are taken to be held. */
  readonly isGuess?: boolean;
  /** Requests at once that are taken if nobody says it. */
  readonly concurrency: number;
  readonly pollMs: number;
  /** Throws a ServerFault if the server can't be asked or says no sense. */
  look(server: Server): Promise<Look>;
  /**
   * Has the server load a model, by one of its own names, in the place of the one that it used least recently if need be. Ends when the load has begun or is over.
   * Throws a ServerFault if the server does not. Absent: the server can't be told to.
   */
  preload?(server: Server, name: string): Promise<void>;
  /** Requests that are in progress there, those that wait included; null: it does not say. For drains. */
  load(server: Server): Promise<number | null>;
}
