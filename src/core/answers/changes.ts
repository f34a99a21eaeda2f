import { bitsOf } from "../dtype.ts";
import { DEFAULT_AUDIO_SECONDS } from "../encoder-input.ts";
import { InputError } from "../errors.ts";
import { type EstimateOptions, prepare } from "../estimate.ts";
import type { Gpus } from "../hardware/index.ts";
import type { Model } from "../model.ts";
import { flagOf } from "../whole.ts";
import { largestBatch, longestAudio, longestContext, withSeconds } from "./limits.ts";
import type { Margin } from "./margin.ts";
import { ranksThatDivide } from "./ranks.ts";
import { NOT_HAD, unlessRefused } from "./refused.ts";
import { type Outcome, onDevices, runner } from "./runner.ts";

/** Something to do differently, tried for real. */
export interface Change {
  readonly flags: string;
  readonly what: string;
  readonly options: EstimateOptions;
  readonly gpus: Gpus;
  readonly outcome: Outcome;
}

interface Idea {
  readonly what: string;
  readonly patch: EstimateOptions;
  readonly count?: number;
}

/**
 * What makes a workload run on a device, in order of how much it changes: nothing of the answer (kernels, a server's
 * batch), the cache's precision, less at once, shorter, more devices, coarser weights. Only what does is listed; two
 * together are tried where no single one is enough.
 */
export function changes(
  model: Model,
  options: EstimateOptions,
  gpus: Gpus,
  margin: Margin,
): readonly Change[] {
  const ideas = ideasFor(model, options, gpus, margin);
  const single = ideas.flatMap((idea) => tried(model, options, gpus, margin, [idea]));
  if (single.length > 0) return leastOfEach(single);
  return leastOfEach(
    ideas.flatMap((a, at) =>
      ideas
        .slice(at + 1)
        .filter((b) => Object.keys(b.patch).every((key) => !(key in a.patch)))
        .flatMap((b) => tried(model, options, gpus, margin, [a, b])),
    ),
  );
}

/** Of the changes that turn the same knobs the first: fewer devices, a larger batch at the server, finer weights. */
function leastOfEach(all: readonly Change[]): Change[] {
  const seen = new Set<string>();
  return all.filter(({ flags }) => {
    const knobs = flags.replace(/ [^-]\S*/g, "");
    return !seen.has(knobs) && seen.add(knobs);
  });
}

function tried(
  model: Model,
  options: EstimateOptions,
  gpus: Gpus,
  margin: Margin,
  ideas: readonly Idea[],
): Change[] {
  const patched: EstimateOptions = Object.assign({}, options, ...ideas.map(({ patch }) => patch));
  const count = ideas.find((idea) => idea.count !== undefined)?.count ?? gpus.count;
  const more = { ...gpus, count };
  const outcome = unlessRefused(NOT_HAD, () =>
    runner(model, patched, more, margin).outcome(patched),
  );
  if (outcome instanceof InputError || !outcome.fits) return [];
  return [
    {
      flags: ideas
        .flatMap(({ patch }) =>
          Object.entries(patch).map(([key, value]) =>
            value === true ? flagOf(key) : `${flagOf(key)} ${value}`,
          ),
        )
        .join(" "),
      what: ideas.map(({ what }) => what).join(", "),
      options: patched,
      gpus: more,
      outcome,
    },
  ];
}

function ideasFor(model: Model, options: EstimateOptions, gpus: Gpus, margin: Margin): Idea[] {
  const run = runner(model, options, gpus, margin);
  const { setup, engine } = prepare(model, onDevices(options, gpus));
  const serves = engine.serving !== undefined;
  const ideas: Idea[] = [];
  if (options.attnImplementation === "eager")
    ideas.push({ what: "attention without stored scores", patch: { attnImplementation: "sdpa" } });
  if (serves) {
    for (const maxNumSeqs of [64, 16, 4, 1])
      if (maxNumSeqs >= (options.batchSize ?? 1))
        ideas.push({
          what: `a batch of no more than ${maxNumSeqs} at the server`,
          patch: { maxNumSeqs },
        });
    if (!options.enforceEager)
      ideas.push({ what: "no CUDA graphs", patch: { enforceEager: true } });
  }
  if (model.context.preset > 0 && bitsOf(setup.kvCache) >= 16)
    ideas.push({ what: "KV cache in 8 bits", patch: { kvCacheDtype: "fp8" } });
  const batch = (options.batchSize ?? 1) > 1 ? largestBatch(run, options).value : null;
  if (batch !== null) ideas.push({ what: "the largest batch", patch: { batchSize: batch } });
  if (model.context.preset > 0) {
    const { value } = longestContext(model, run, options);
    if (value !== null) ideas.push({ what: "the longest context", patch: { maxModelLen: value } });
  }
  if (model.audio) {
    const { value } = longestAudio(model, run, options);
    const { maxModelLen, audioSeconds } = withSeconds(model, options, value ?? 1);
    const usual = options.audioSeconds ?? DEFAULT_AUDIO_SECONDS;
    if (value !== null && audioSeconds !== undefined && audioSeconds < usual)
      ideas.push({
        what: "the longest audio",
        patch: { audioSeconds, ...(maxModelLen !== undefined && { maxModelLen }) },
      });
  }
  if (options.tensorParallelSize === undefined)
    for (const count of ranksThatDivide(model.root).filter((n) => n > gpus.count))
      ideas.push({
        what: `${count} devices that share the model`,
        patch: { tensorParallelSize: count },
        count,
      });
  for (const precision of [serves ? "fp8" : "int8", "int4"] as const)
    if (bitsOf(setup.precision) > (precision === "int4" ? 5 : 8))
      ideas.push({ what: `weights in ${precision}`, patch: { precision } });
  return ideas;
}
