import { bytesOf } from "../../dtype.ts";
import { InputError } from "../../errors.ts";
import type { Model } from "../../model.ts";
import { type Factor, type Product, times } from "../../quantity/product.ts";
import { walk } from "../../tree/walk.ts";
import type { Amount, Assistant, HeldBuffer, LinePlan, Moment, Phase, Setup } from "../engine.ts";
import { weightLines } from "../weights.ts";
import { held, meanwhile } from "./flow.ts";
import { activationLines, cacheLines } from "./index.ts";
import { findOp, towersOf } from "./tower.ts";

const SOURCE =
  "transformers, generation/utils.py: _assisted_decoding; candidate_generator.py: AssistedCandidateGenerator";

/**
 * The lines of a model with those of its assistant: weights and caches of both are alive together; they run in turn, so that
 * the larger of their activations counts. A round keeps its scores until the next one has its own: two fp32 copies of the
 * model's logits for every candidate and one more, and the assistant's for every candidate.
 * @throws InputError for what `generate` refuses beside an assistant.
 */
export function assisted(
  lines: readonly LinePlan[],
  model: Model,
  assistant: Assistant,
  setup: Setup,
  phases: readonly Phase[],
): LinePlan[] {
  refuse(model, setup);
  const alone = aloneSetup(setup);
  const other = assistant.model;
  const theirs = activationLines(other, towersOf(other.root), alone);
  const rounds = roundsOf(model, assistant, setup);
  const merged = lines
    .filter(({ label }) => label !== "last step's scores")
    .map((line) => {
      const alive = { ...readOver(line, assistant).alive };
      for (const phase of ["encode", "prefill", "decode"] as const) {
        const amount = alive[phase];
        if (!amount || !("peakOf" in amount)) continue;
        alive[phase] = inTurn(phase, amount.peakOf, theirs, lines, rounds);
      }
      return { ...line, alive };
    });
  const beside = [
    ...weightLines(other, alone, phases),
    ...cacheLines(other, alone).map((line) => readOver(line, assistant)),
    ...theirs.filter(
      ({ alive, label }) =>
        label === "encoder output" && Object.values(alive).every((amount) => "sum" in amount),
    ),
  ].map(
    (line): LinePlan => ({
      ...line,
      component: "assistant",
      label: line.component === "runtime" ? line.label : `${line.label} of its ${line.component}`,
    }),
  );
  return [...merged, ...beside, scoresLine(rounds)];
}

/** The first candidates are in the cache before the prompt's first token is out. */
function readOver(line: LinePlan, { tokens }: Assistant): LinePlan {
  const { prefill } = line.alive;
  if (line.kind !== "kv-cache" || !prefill || !("sum" in prefill)) return line;
  const sum = prefill.sum.map((product) =>
    product.map(
      (factor): Factor =>
        factor.of === "prompt"
          ? { ...factor, through: [{ kind: "scale", by: 1, plus: tokens }] }
          : factor,
    ),
  );
  return { ...line, alive: { ...line.alive, prefill: { sum } } };
}

/** Amounts of one round: per vocabulary entry of the model, for every candidate and one more. */
interface Rounds {
  readonly logits: HeldBuffer;
  readonly fresh: HeldBuffer;
  readonly written: HeldBuffer;
  readonly scores: readonly Product[];
}

function roundsOf(model: Model, { tokens }: Assistant, setup: Setup): Rounds {
  const vocab = findOp(model.root, "head")?.vocab ?? 0;
  const wide = [
    times("decoded", "sequences"),
    times(tokens + 1, "tokens"),
    times(vocab, "vocabulary"),
  ];
  const logits = held("logits of the round before", [
    ...wide,
    times(bytesOf(setup.compute), `B ${setup.compute}`),
  ]);
  const written = held("candidates' scores", [
    times("decoded", "sequences"),
    times(tokens, "candidates"),
    times(vocab, "vocabulary"),
    times(4, "B fp32"),
  ]);
  return {
    logits,
    fresh: held("logits in fp32", [...wide, times(4, "B fp32")]),
    written,
    scores: [[...wide, times(2, "copies"), times(4, "B fp32")], written.size],
  };
}

const scoresLine = ({ scores }: Rounds): LinePlan => ({
  label: "scores of the last round",
  component: "lm_head",
  kind: "activation",
  basis: "rule",
  source: SOURCE,
  alive: { decode: { sum: scores } },
});

/** Moments of the model, and those of its assistant meanwhile. */
function inTurn(
  phase: "encode" | "prefill" | "decode",
  ours: readonly Moment[],
  theirs: readonly LinePlan[],
  lines: readonly LinePlan[],
  { logits, fresh, written }: Rounds,
): Amount {
  const others = theirs.flatMap(({ alive }) => {
    const amount = alive[phase];
    return amount && "peakOf" in amount ? amount.peakOf : [];
  });
  if (phase === "encode") {
    // The assistant's encoder runs when the model's has: its output waits.
    const output = lines.find(({ label }) => label === "encoder output")?.alive.prefill;
    const waiting =
      output && "sum" in output
        ? output.sum.map((size) => held("encoder output of the model", size))
        : [];
    return { peakOf: [...ours, ...meanwhile(waiting, others, "assistant")] };
  }
  const before = phase === "decode" ? [logits] : [];
  const candidates = phase === "decode" ? [] : [written];
  return {
    peakOf: [
      ...meanwhile([...before, ...candidates], ours, ""),
      {
        at: "verification",
        buffers: [...before, ...candidates, fresh, ...(phase === "prefill" ? [fresh] : [])],
      },
      ...meanwhile([...before, written], others, "assistant"),
      { at: "assistant.scores", buffers: [...before, written, written] },
    ],
  };
}

/** The assistant in the model's dtype, by itself. */
function aloneSetup({ assistant: _, quantization: __, ...setup }: Setup): Setup {
  return { ...setup, precision: setup.compute, expansion: 1, wordTimestamps: false };
}

function refuse(model: Model, setup: Setup): void {
  let stateful = false;
  walk(model.root, ({ state }) => {
    if (state?.kind === "recurrent") stateful = true;
  });
  const reason = stateful
    ? "keeps a state that cannot be taken back"
    : setup.expansion > 1
      ? "runs with several beams or sequences, and assisted generation knows one"
      : setup.cache === "static"
        ? "runs with a static cache, and assisted generation needs a dynamic one"
        : setup.pipelineParallel > 1
          ? "is divided among devices, for which no rule is known here"
          : undefined;
  if (reason === undefined) return;
  throw new InputError(
    "inconsistent",
    `--assistant-model was given, but the model ${reason}: leave one of them out.`,
    "assistantModel",
  );
}
