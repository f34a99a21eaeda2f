import type { CheckpointReport, Some } from "../report/checkpoint.ts";
import { grouped, humanBytes } from "../units.ts";

/** The checkpoint in a few lines: what it holds, and how far the tree agrees with it. */
export function renderCheckpoint(checkpoint: CheckpointReport | null): string[] {
  if (!checkpoint) return [];
  const { source, format, tensors, bytes, stored, comparison } = checkpoint;
  const shares = stored.map(({ dtype, bytes: size }) => `${dtype} ${humanBytes(size)}`).join(", ");
  const lines = [
    `checkpoint ${source} (${format}): ${grouped(tensors)} tensors, ${humanBytes(bytes)} on disk: ${shares}`,
  ];
  if (!comparison) return lines;
  const { verified, quantised, shapes, missing, unexpected } = comparison;
  lines.push(
    `  verified: ${grouped(verified)} of ${grouped(tensors)} tensors${quantised > 0 ? `, ${grouped(quantised)} more are stored quantised` : ""}`,
    ...listed("other shapes", shapes, ({ name, expected, found }) => {
      return `${name} [${found.join(", ")}] instead of [${expected.join(", ")}]`;
    }),
    ...listed("not in the checkpoint", missing, (name) => name),
    ...listed("only in the checkpoint", unexpected, (name) => name),
  );
  return lines;
}

function listed<T>(what: string, { count, first }: Some<T>, say: (one: T) => string): string[] {
  if (count === 0) return [];
  const more = count > first.length ? ` and ${grouped(count - first.length)} more` : "";
  return [`  ${what}: ${grouped(count)} (${first.map(say).join(", ")}${more})`];
}
