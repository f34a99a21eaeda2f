import { readFileSync } from "node:fs";
import { catalogConfig, describe, type EstimateOptions, estimate, type Model } from "llm-memory-calculator";
import { walk } from "../../src/core/tree/walk.ts";

/** One run of validation/training.py: bytes beside the weights, after the forward pass and at the most. */
interface Run {
  readonly config: string;
  readonly batch: number;
  readonly length: number;
  readonly frames: number;
  readonly dtype: "bfloat16" | "float32";
  readonly checkpointing: boolean;
  readonly lora: number;
  readonly attention: "sdpa" | "eager";
  readonly saved: number;
  readonly forwardPeak: number;
  readonly backwardPeak: number;
}

export interface TrainingComparison {
  readonly model: string;
  readonly run: string;
  readonly what: "kept after the forward pass" | "peak";
  readonly predicted: number;
  readonly observed: number;
  /** predicted / observed − 1 */
  readonly error: number;
}

const RUNS = new URL("./training/runs.jsonl", import.meta.url);
const MS_PER_FRAME = 10;

/** Every run against the training engine's ledger. */
export function trainingComparisons(): TrainingComparison[] {
  const models = new Map<string, Model>();
  const runs = readFileSync(RUNS, "utf8").trim().split("\n");
  return runs.flatMap((line) => {
    const run = JSON.parse(line) as Run;
    const id = run.config.replace(".json", "").replace("__", "/");
    const model = models.get(id) ?? describe(catalogConfig(id), { resolve: catalogConfig });
    models.set(id, model);
    return compared(id, model, run);
  });
}

function compared(id: string, model: Model, run: Run): TrainingComparison[] {
  const { batch, length, frames, dtype, checkpointing, lora, attention } = run;
  const options: EstimateOptions = {
    batchSize: batch,
    precision: dtype === "float32" ? "fp32" : "bf16",
    attnImplementation: attention,
    training: { method: lora > 0 ? "lora" : "full", gradientCheckpointing: checkpointing, ...(lora > 0 && { loraRank: lora }) },
    ...(model.audio && { audioSeconds: (frames * MS_PER_FRAME) / 1000 }),
    ...(model.encoderText && { encoderSeqLength: model.type === "encoder-only" ? length : frames }),
    ...(model.type !== "encoder-only" && { maxModelLen: length }),
  };
  const { ledger } = estimate(model, options);
  const at = (phase: "forward" | "backward", test: (label: string) => boolean) =>
    ledger.lines
      .filter(({ kind, label }) => (kind === "activation" || kind === "state") && !/states|master/.test(label) && test(label))
      .reduce((sum, { alive }) => sum + (alive[phase] ?? 0), 0);
  const kept = at("forward", (label) => label.startsWith("activations")) + logSoftmax(model, run);
  const peak = Math.max(at("forward", () => true), at("backward", () => true));
  const words = `batch ${batch}, length ${length}, ${dtype}, ${attention}${checkpointing ? ", checkpointing" : ""}${lora ? `, LoRA ${lora}` : ""}`;
  const row = (what: TrainingComparison["what"], predicted: number, observed: number) => ({
    model: id,
    run: words,
    what,
    predicted,
    observed,
    error: predicted / observed - 1,
  });
  return [
    row("kept after the forward pass", kept, run.saved),
    row("peak", peak, Math.max(run.forwardPeak, run.backwardPeak)),
  ];
}

/** The loss keeps it; the ledger counts it with the loss, which is larger for a moment. */
function logSoftmax({ root, audio, type }: Model, { batch, length, dtype }: Run): number {
  let bytes = 0;
  walk(root, ({ op }) => {
    if (op?.kind !== "head") return;
    const fp32 = dtype === "float32" || op.positions === "last";
    const logits = op.capped ? (dtype === "float32" ? 4 : 2) : 0;
    bytes ||= batch * length * op.vocab * ((fp32 ? 4 : dtype === "bfloat16" ? 2 : 4) + logits);
  });
  return audio && type === "encoder-only" ? 0 : bytes;
}
