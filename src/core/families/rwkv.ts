import { count, dimension, flag, maybe, or, positions, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { stackedLm } from "../towers/stacked-lm.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { State } from "../tree/state.ts";
import type { Tensor } from "../tree/tensor.ts";
import { decoderOnly } from "./decoder-only.ts";

/** RwkvConfig (transformers 5.18): RWKV 4. */
const read = reader(() => ({
  vocab_size: or(dimension(), 50277),
  context_length: or(positions(), 1024),
  hidden_size: or(dimension(), 4096),
  num_hidden_layers: or(count(), 32),
  attention_hidden_size: maybe(dimension()),
  intermediate_size: maybe(dimension()),
  tie_word_embeddings: or(flag(), false),
}));

const mixes = (width: number, names: readonly string[]): Tensor[] =>
  names.map((name) => ({ name: `time_mix_${name}`, shape: [1, 1, width] }));

/** The last token's input, which the next one is mixed with. */
const shifted = { name: "shift" };

function block(width: number, inner: number, feedForward: number, first: boolean): Module {
  const columns = (name: string, from: number, to: number) =>
    linear(name, from, to, { bias: false, divide: { by: "columns" } });
  const rows = (name: string, from: number, to: number) =>
    linear(name, from, to, { bias: false, divide: { by: "rows" } });
  const sums = ["numerator", "denominator", "maximum"].map((name) => ({
    name,
    shape: [width],
    dtype: "fp32" as const,
  }));
  const attentionState: State = {
    kind: "recurrent",
    parts: [{ ...shifted, shape: [width] }, ...sums],
  };
  return module("RwkvBlock", "blocks", [
    first ? layerNorm("pre_ln", width) : undefined,
    layerNorm("ln1", width),
    layerNorm("ln2", width),
    module(
      "RwkvSelfAttention",
      "attention",
      [
        columns("key", width, inner),
        columns("value", width, inner),
        columns("receptance", width, inner),
        rows("output", inner, width),
      ],
      {
        tensors: [
          { name: "time_decay", shape: [inner] },
          { name: "time_first", shape: [inner] },
          ...mixes(width, ["key", "value", "receptance"]),
        ],
        state: attentionState,
      },
    ),
    module(
      "RwkvFeedForward",
      "feed_forward",
      [
        columns("key", width, feedForward),
        linear("receptance", width, width, { bias: false }),
        rows("value", feedForward, width),
      ],
      {
        tensors: mixes(width, ["key", "receptance"]),
        state: { kind: "recurrent", parts: [{ ...shifted, shape: [width] }] },
      },
    ),
  ]);
}

/** RWKV 4 (Peng et al. 2023). Source: `models/rwkv/modeling_rwkv.py`. */
export const rwkv = decoderOnly({
  name: "rwkv",
  modelTypes: ["rwkv"],
  architectures: ["RwkvForCausalLM"],
  purpose: "text generation",
  type: "state-space",
  place: { backbone: "rwkv", head: "head" },
  build(raw, context, place) {
    const config = read(raw, context);
    const width = config.hidden_size;
    const inner = config.attention_hidden_size ?? width;
    const feedForward = config.intermediate_size ?? 4 * width;
    const last = config.num_hidden_layers - 1;
    return {
      ...stackedLm(
        {
          classes: "Rwkv",
          vocab: config.vocab_size,
          width,
          tied: config.tie_word_embeddings,
          table: "embeddings",
          layers: [
            stack([[0, 0]], block(width, inner, feedForward, true)),
            last > 0 ? stack([[1, last]], block(width, inner, feedForward, false)) : undefined,
          ],
          norm: layerNorm("ln_out", width),
        },
        place,
      ),
      maxPositions: config.context_length,
    };
  },
});
