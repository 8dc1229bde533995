// The tests over TCP run what is deployed: the bundle, built once before them.
import { bundle } from "../../scripts/bundle.ts";

export function setup(): void {
  bundle();
}
