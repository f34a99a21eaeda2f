import { type Margin, parseMargin } from "../core/answers/margin.ts";
import { InputError } from "../core/errors.ts";
import type { EstimateOptions } from "../core/estimate.ts";
import { type Gpus, gpusOfSize, parseGpus } from "../core/hardware/index.ts";
import { parseSize } from "../core/units.ts";
import { parseImageSize } from "../core/vision/image-size.ts";
import { flagOf, MAX_TOKENS, whole } from "../core/whole.ts";
import { loadModel, type SourceFlags } from "./source.ts";
import { splitTraining, type TrainingFlags } from "./training.ts";

/** What commander hands over: sizes and devices are still text. */
export type TextOptions = Omit<
  EstimateOptions,
  "id" | "gpuMemory" | "deviceOverhead" | "assistant" | "imageSize"
> &
  SourceFlags &
  TrainingFlags & {
    deviceOverhead?: string;
    imageSize?: string;
    gpu?: string;
    gpuMemory?: string;
    margin?: string;
    assistantModel?: string;
    seqLength?: number;
    explain?: true;
    json?: true;
  };

/** The options as the library takes them. A device sets the memory, and the ranks where none are asked for. */
export function settled(options: TextOptions): EstimateOptions {
  const { seqLength, explain, json, gpu, gpuMemory, deviceOverhead, margin, ...given } = options;
  const { assistantModel, ...others } = given;
  const { revision, refresh, timeout, offline, assume, imageSize, ...some } = others;
  const { rest, training } = splitTraining(some);
  if (training && rest.engine !== undefined) {
    throw new InputError(
      "inconsistent",
      "Both --mode train and --engine were given, but training has rules of its own: keep one.",
      "engine",
    );
  }
  if (seqLength !== undefined && rest.maxModelLen !== undefined && seqLength !== rest.maxModelLen) {
    throw new InputError(
      "inconsistent",
      `--max-model-len is ${rest.maxModelLen} and --seq-length is ${seqLength}, but they mean the same: keep one.`,
      "maxModelLen",
    );
  }
  if (seqLength !== undefined) whole(seqLength, "seqLength", MAX_TOKENS);
  return {
    ...rest,
    ...(training && { training }),
    ...(deviceOverhead !== undefined && {
      deviceOverhead: parseSize(deviceOverhead, "--device-overhead"),
    }),
    ...(imageSize !== undefined && { imageSize: parseImageSize(imageSize) }),
    ...(seqLength !== undefined && { maxModelLen: seqLength }),
  };
}

/** The same with the model that writes ahead, where one is named. */
export async function settledWithAssistant(options: TextOptions): Promise<EstimateOptions> {
  const asked = settled(options);
  if (options.assistantModel === undefined) {
    const flag = (["numAssistantTokens", "assistantSharesEncoder"] as const).find(
      (key) => options[key] !== undefined,
    );
    if (flag === undefined) return asked;
    throw new InputError(
      "inconsistent",
      `${flagOf(flag)} was given, but it is about a model that writes ahead: name one with --assistant-model, or leave it out.`,
      flag,
    );
  }
  const { model } = await loadModel(options.assistantModel, options);
  return { ...asked, assistant: model };
}

/** The device that was asked for, if any. */
export function gpusOf(
  options: Pick<
    TextOptions,
    "gpu" | "gpuMemory" | "tensorParallelSize" | "pipelineParallelSize" | "dataParallelSize"
  >,
): Gpus | undefined {
  if (options.gpu === undefined && options.gpuMemory === undefined) return undefined;
  if (options.gpu !== undefined && options.gpuMemory !== undefined) {
    throw new InputError(
      "inconsistent",
      "Both --gpu and --gpu-memory were given, and each sets the memory of the device: keep one.",
      "gpuMemory",
    );
  }
  return options.gpu !== undefined
    ? parseGpus(options.gpu)
    : gpusOfSize(
        parseSize(options.gpuMemory ?? "", "--gpu-memory"),
        (options.tensorParallelSize ?? 1) *
          (options.pipelineParallelSize ?? 1) *
          (options.dataParallelSize ?? 1),
      );
}

/** For commands that make no sense without one. */
export function requiredGpus(options: TextOptions): Gpus {
  const gpus = gpusOf(options);
  if (gpus) return gpus;
  throw new InputError(
    "unknown-option",
    "No device is given: name one with --gpu (see `gpus`), or state its memory with --gpu-memory, such as 24GiB.",
    "gpu",
  );
}

export const withMargin = ({ margin }: Pick<TextOptions, "margin">): { margin?: Margin } =>
  margin === undefined ? {} : { margin: parseMargin(margin) };
