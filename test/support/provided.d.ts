// What the set-up of a project hands to its tests.
import "vitest";

declare module "vitest" {
  interface ProvidedContext {
    readonly replicaOrigin: string;
  }
}
