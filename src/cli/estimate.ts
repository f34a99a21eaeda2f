import { InputError } from "../core/errors.ts";
import { type EstimateOptions, estimate } from "../core/estimate.ts";
import { renderExplained, renderReport } from "../core/render/text.ts";
import { parseSize } from "../core/units.ts";
import { MAX_TOKENS, whole } from "../core/whole.ts";
import { load } from "./source.ts";
import { print, terminalStyle } from "./terminal.ts";

type Options = Omit<EstimateOptions, "id" | "gpuMemory" | "deviceOverhead"> & {
  deviceOverhead?: string;
  gpuMemory?: string;
  seqLength?: number;
  explain?: true;
  json?: true;
};

export function estimateCommand(model: string, options: Options): void {
  const { seqLength, explain, json, gpuMemory, deviceOverhead, ...rest } = options;
  if (seqLength !== undefined && rest.maxModelLen !== undefined && seqLength !== rest.maxModelLen) {
    throw new InputError(
      "inconsistent",
      `--max-model-len is ${rest.maxModelLen} and --seq-length is ${seqLength}, but they mean the same: keep one.`,
      "maxModelLen",
    );
  }
  if (seqLength !== undefined) whole(seqLength, "seqLength", MAX_TOKENS);
  const loaded = load(model);
  const report = estimate(loaded.model, {
    ...rest,
    id: loaded.id,
    ...(deviceOverhead !== undefined && {
      deviceOverhead: parseSize(deviceOverhead, "--device-overhead"),
    }),
    ...(gpuMemory !== undefined && { gpuMemory: parseSize(gpuMemory, "--gpu-memory") }),
    ...(seqLength !== undefined && { maxModelLen: seqLength }),
  });
  if (json) print(JSON.stringify(report, undefined, 2));
  else print((explain ? renderExplained : renderReport)(report, terminalStyle()));
}
