import type { Pipeline } from "../answers/pipeline.ts";
import { humanBytes } from "../units.ts";
import { gpuText } from "./limits.ts";
import { bar, table } from "./table.ts";
import { plain, type Style } from "./text.ts";

const BAR = 30;

/** Several models on one card: what each holds, how full the card is while each runs, and whether it fits. */
export function renderPipeline(said: Pipeline, style: Style = plain): string {
  const { gpu, stages, timeline } = said;
  const full = Math.max(gpu?.usableBytes ?? 0, said.togetherBytes);
  const rows = stages.map((stage) => [
    `  ${stage.name}`,
    stage.model,
    stage.engine,
    humanBytes(stage.idleBytes),
    humanBytes(stage.peakBytes),
    !stage.starts
      ? "does not start on this device"
      : stage.gpuMemoryUtilization === null
        ? ""
        : `--gpu-memory-utilization ${stage.gpuMemoryUtilization}`,
  ]);
  const course = timeline.map((point) => [
    `  ${point.stage}`,
    point.phase,
    humanBytes(point.totalBytes),
    bar(point.totalBytes / full, BAR),
  ]);
  const verdict = (fits: boolean | null) => (fits === null ? "" : fits ? "fits" : "does not fit");
  return [
    style.strong(
      `${stages.length} ${stages.length === 1 ? "model" : "models"}${gpu ? ` on ${gpuText({ gpu })}` : ""}`,
    ),
    ...table([["  stage", "model", "engine", "idle", "peak", ""], ...rows], [3, 4]),
    "",
    style.strong("Memory while each runs, the others idle"),
    ...table(course, [2]),
    "",
    ...table(
      [
        [
          "  in turn (each gives back what it no longer needs)",
          humanBytes(said.inTurnBytes),
          verdict(said.fitsInTurn),
        ],
        [
          "  together (at once, or allocators keep what they took)",
          humanBytes(said.togetherBytes),
          verdict(said.fitsTogether),
        ],
        ...(said.marginBytes > 0
          ? [["  margin (--margin), left free", humanBytes(said.marginBytes), ""]]
          : []),
      ],
      [1],
    ),
    "",
    style.faint(
      "Each stage is a process with a context of its own, unless stages name the same process.",
    ),
  ].join("\n");
}
