import type { Change } from "../answers/changes.ts";
import type { DeviceFit, Fit } from "../answers/fit.ts";
import type { ServeLine } from "../answers/flags.ts";
import { humanBytes } from "../units.ts";
import { gpuText } from "./limits.ts";
import { table } from "./table.ts";
import { plain, type Style } from "./text.ts";

const SHOWN_CHANGES = 10;

const REFUSALS = {
  "max-num-seqs": "the batch is larger than --max-num-seqs",
  "cuda-graphs": "CUDA graphs find no room beside the share that the server fills",
} as const;

/** The verdict for one device, the sums behind it, and what makes it fit where it does not. */
export function renderFit(
  id: string,
  engine: string,
  { fit, changes }: { readonly fit: Fit; readonly changes: readonly Change[] },
  style: Style = plain,
): string {
  const each = fit.gpu.count > 1 ? " on each device" : "";
  const rows: string[][] = [
    [engine === "vllm" ? "  the server's share" : "  usable", humanBytes(fit.limitBytes)],
    [`  ${engine} needs`, humanBytes(fit.needBytes)],
    ...(fit.marginBytes > 0 ? [["  margin (--margin)", humanBytes(fit.marginBytes)]] : []),
    [
      fit.headroomBytes < 0 ? "  missing" : "  headroom",
      `${humanBytes(Math.abs(fit.headroomBytes))}${each}`,
    ],
    [
      "  of the need, assumed or measured",
      fit.uncertainBytes > 0 ? humanBytes(fit.uncertainBytes) : "nothing",
    ],
  ];
  return [
    `${style.strong(`${id} on ${gpuText(fit)}: ${fit.verdict}`)}${fit.refusal ? ` (${REFUSALS[fit.refusal]})` : ""}`,
    ...table(rows),
    ...(fit.verdict === "does not fit" ? whatToChange(changes, style) : []),
  ].join("\n");
}

function whatToChange(changes: readonly Change[], style: Style): string[] {
  if (changes.length === 0) return ["", "Nothing that was tried makes it fit."];
  const rows = changes
    .slice(0, SHOWN_CHANGES)
    .map(({ flags, what, outcome }) => [
      `  ${flags}`,
      what,
      `leaves ${humanBytes(outcome.headroomBytes)}`,
    ]);
  return ["", style.strong("What makes it fit, the least change first"), ...table(rows)];
}

/** Every device with its verdict, the least memory first, and which is the smallest that will do. */
export function renderDeviceFits(
  id: string,
  engine: string,
  all: readonly DeviceFit[],
  style: Style = plain,
): string {
  const rows = all.map(({ fit, fewest }) => [
    `  ${fit.gpu.id ?? fit.gpu.name}`,
    humanBytes(fit.gpu.usableBytes),
    humanBytes(fit.needBytes),
    fit.headroomBytes < 0
      ? `−${humanBytes(Math.abs(fit.headroomBytes))}`
      : humanBytes(fit.headroomBytes),
    fit.verdict,
    fit.fits ? "" : fewest ? `${fewest.gpu.count} hold it` : "not on 16",
  ]);
  const single = all.find(({ fit }) => fit.fits);
  const fewest = all
    .filter((one) => one.fewest)
    .sort((a, b) => (a.fewest?.gpu.count ?? 0) - (b.fewest?.gpu.count ?? 0))[0];
  const smallest = single
    ? `The smallest single device is ${gpuText(single.fit)}.`
    : fewest?.fewest
      ? `No single device holds it; the fewest are ${gpuText(fewest.fewest)}.`
      : "No device in the table holds it, nor several that share it.";
  return [
    style.strong(`${id} under ${engine}`),
    smallest,
    "",
    ...table(
      [["  device", "usable", "needs", "headroom", "verdict", "several"], ...rows],
      [1, 2, 3],
    ),
    "",
    style.faint("tight: less is left than what is only assumed or measured comes to"),
  ].join("\n");
}

/** The command that a report's numbers stand for. */
export function renderServe(line: ServeLine | undefined, style: Style = plain): string[] {
  if (!line) return [];
  return [
    "",
    style.accent(line.command),
    ...line.remarks.map((remark) => style.faint(`  ${remark}`)),
  ];
}
