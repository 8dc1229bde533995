import type { LoadKind } from "../routing/metrics/labels.ts";

export interface EventView {
  readonly sequence: number;
  readonly at_ms: number;
  readonly kind: string;
  readonly replica: string | null;
  readonly hint: string | null;
  readonly detail: string;
  readonly load: { readonly seconds: number; readonly kind: LoadKind; readonly evicts: string | null } | null;
}
