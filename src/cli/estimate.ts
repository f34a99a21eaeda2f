import { InputError } from "../core/errors.ts";
import { type EstimateOptions, estimate } from "../core/estimate.ts";
import { estimateCheckpoint } from "../core/estimate-checkpoint.ts";
import { renderExplained, renderReport } from "../core/render/text.ts";
import type { MemoryReport } from "../core/report/memory-report.ts";
import { parseSize } from "../core/units.ts";
import { MAX_TOKENS, whole } from "../core/whole.ts";
import type { Opened } from "../hub/open.ts";
import { load, type SourceFlags } from "./source.ts";
import { print, terminalStyle } from "./terminal.ts";

type Options = Omit<EstimateOptions, "id" | "gpuMemory" | "deviceOverhead"> &
  SourceFlags & {
    deviceOverhead?: string;
    gpuMemory?: string;
    seqLength?: number;
    explain?: true;
    json?: true;
  };

export async function estimateCommand(model: string, options: Options): Promise<void> {
  const { seqLength, explain, json, gpuMemory, deviceOverhead, ...others } = options;
  const { revision, refresh, timeout, offline, ...rest } = others;
  if (seqLength !== undefined && rest.maxModelLen !== undefined && seqLength !== rest.maxModelLen) {
    throw new InputError(
      "inconsistent",
      `--max-model-len is ${rest.maxModelLen} and --seq-length is ${seqLength}, but they mean the same: keep one.`,
      "maxModelLen",
    );
  }
  if (seqLength !== undefined) whole(seqLength, "seqLength", MAX_TOKENS);
  const opened = await load(model, options);
  const report = reportOf(opened, {
    ...rest,
    ...(deviceOverhead !== undefined && {
      deviceOverhead: parseSize(deviceOverhead, "--device-overhead"),
    }),
    ...(gpuMemory !== undefined && { gpuMemory: parseSize(gpuMemory, "--gpu-memory") }),
    ...(seqLength !== undefined && { maxModelLen: seqLength }),
  });
  if (json) print(JSON.stringify(report, undefined, 2));
  else print((explain ? renderExplained : renderReport)(report, terminalStyle()));
}

/** The report of what was found: of the described model, or of its checkpoint alone. */
function reportOf(opened: Opened, options: EstimateOptions): MemoryReport {
  const { id, model, notes } = opened;
  if (!model) return estimateCheckpoint(opened.checkpoint, { id, why: opened.undescribed, notes });
  const { checkpoint, comparable } = opened;
  return estimate(
    { ...model, assumptions: [...model.assumptions, ...notes] },
    { ...options, id, ...(checkpoint && { checkpoint }), ...(comparable && { comparable }) },
  );
}
