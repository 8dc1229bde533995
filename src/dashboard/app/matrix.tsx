// Who holds what: replicas down, hints across, as a picture that the script draws, and as a list of hints.
import type { MatrixView } from "../../views/matrix.ts";
import { share, whole } from "../format.ts";
import { Data, Meter, Table } from "../parts.tsx";
import { HEATS, type MatrixData } from "../drawn/matrix.ts";

const LISTED_HINTS = 200;

export function Matrix({ matrix }: { readonly matrix: MatrixView }) {
  const { hints, replicas } = matrix;
  return (
    <section id="matrix" aria-labelledby="matrix-title">
      <h2 id="matrix-title">Who holds what</h2>
      {hints.length === 0 ? (
        <p class="empty">No replica holds a hint.</p>
      ) : (
        <>
          <p class="note">{shownOf(matrix)}</p>
          <ul class="legend" aria-hidden="true">
            {HEATS.map((heat, index) => (
              <li>
                <i class={`heat heat-${index}`} />
                {index === 0 ? heat : `used ${heat}`}
              </li>
            ))}
          </ul>
          <div class="matrix" data-keep="" data-matrix="">
            <canvas
              tabindex={0}
              role="img"
              aria-label={`${whole(replicas.length)} replicas by ${whole(hints.length)} hints. Arrow keys move from cell to cell; the table below has the same by hint.`}
            />
            <p class="cell" role="status" />
          </div>
          <Data value={dataOf(matrix)} />
          <details>
            <summary>Hints as a table</summary>
            <Table label="Hints" heads={["Hint", ["Asked for"], ["Held by"], ["Loading"]]}>
              {hints.slice(0, LISTED_HINTS).map(({ hint, holders, loading, asked_share: asked }) => (
                <tr>
                  <th scope="row">
                    <code>{hint}</code>
                  </th>
                  <td class="number">
                    {`${share(asked, 1)} `}
                    <Meter value={asked} most={1} label={`asked for by ${share(asked, 1)} of requests`} />
                  </td>
                  <td class="number">{whole(holders)}</td>
                  <td class="number">{whole(loading)}</td>
                </tr>
              ))}
            </Table>
          </details>
        </>
      )}
    </section>
  );
}

function shownOf({ hints, hints_total, replicas, replicas_total }: MatrixView): string {
  const parts = [
    hints.length < hints_total ? `the ${whole(hints.length)} hints most asked for of ${whole(hints_total)}` : null,
    replicas.length < replicas_total ? `the first ${whole(replicas.length)} replicas of ${whole(replicas_total)}` : null,
  ].filter((part) => part !== null);
  return parts.length === 0
    ? "From left to right by how often a hint is asked for; the bars show that."
    : `Shown: ${parts.join(", and ")}.`;
}

/** By steps of heat and whole percents, so that the data changes when a reader could see it change. */
function dataOf({ hints, replicas }: MatrixView): MatrixData {
  return {
    hints: hints.map(({ hint, asked_share }) => ({ hint, asked: Math.round(100 * asked_share) })),
    replicas: replicas.map(({ replica, cells }) => ({
      replica,
      cells: cells.map(([hint, state, usedAgoS]) => [hint, state === 1 ? 0 : heatOf(usedAgoS)] as const),
    })),
  };
}

function heatOf(usedAgoS: number | null): number {
  if (usedAgoS === null) return 4;
  if (usedAgoS < 60) return 1;
  return usedAgoS < 600 ? 2 : usedAgoS < 3600 ? 3 : 4;
}
