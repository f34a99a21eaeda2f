import { own, type RawConfig } from "../config/raw.ts";
import { count, dimension, flag, maybe, or, positions, reader } from "../config/schema.ts";
import { InputError, shown } from "../errors.ts";
import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { gptModel } from "../towers/gpt.ts";
import { decoderOnly } from "./decoder-only.ts";
import { headsOf } from "./gpt-config.ts";

/** GPTNeoConfig (transformers 5.18). */
const read = reader(() => ({
  vocab_size: or(dimension(), 50257),
  max_position_embeddings: or(positions(), 2048),
  hidden_size: or(dimension(), 2048),
  num_layers: or(count(), 24),
  num_heads: or(dimension(), 16),
  intermediate_size: maybe(dimension()),
  tie_word_embeddings: or(flag(), true),
}));

const USUAL_TYPES = [[["global", "local"], 12]];

/** `attention_types` lists kinds in turn and how often; together they name every layer, or the class refuses the config. */
function checkTypes(raw: RawConfig, layers: number): void {
  const stated = own(raw, "attention_types") ?? USUAL_TYPES;
  const sizes = (Array.isArray(stated) ? stated : []).map((entry: unknown) => {
    const [names, times]: unknown[] = Array.isArray(entry) ? entry : [];
    return Array.isArray(names) && typeof times === "number" ? names.length * times : Number.NaN;
  });
  if (sizes.reduce((sum, size) => sum + size, 0) === layers) return;
  throw new InputError(
    "inconsistent",
    `attention_types is ${shown(stated)}, but must name each of the ${layers} layers (num_layers), as kinds and how often they repeat: [[["global", "local"], 12]] for 24.`,
    "attention_types",
  );
}

/**
 * GPT-Neo (Black et al. 2021). Half of the layers see the last 256 tokens, by a mask over all scores: the cache keeps
 * everything. Source: `models/gpt_neo/modeling_gpt_neo.py`.
 */
export const gptNeo = decoderOnly({
  name: "gpt_neo",
  modelTypes: ["gpt_neo"],
  architectures: ["GPTNeoForCausalLM"],
  purpose: "text generation",
  place: { backbone: "transformer", head: "lm_head" },
  names: { num_attention_heads: "num_heads", num_hidden_layers: "num_layers" },
  hardLimit: true,
  build(raw, context, place) {
    const config = read(raw, context);
    const { hidden_size: width, num_heads: heads, max_position_embeddings: length } = config;
    checkTypes(raw, config.num_layers);
    const inner = config.intermediate_size ?? 4 * width;
    const language = gptModel(
      {
        classes: ["GPTNeoModel", "GPTNeoBlock"],
        vocab: config.vocab_size,
        width,
        layers: config.num_layers,
        tokens: "wte",
        tied: config.tie_word_embeddings,
        entry: [embedding("wpe", length, width)],
        stack: "h",
        layer: [
          layerNorm("ln_1", width),
          attention("GPTNeoSelfAttention", "attn.attention", {
            width,
            heads,
            headDim: headsOf(width, heads, "num_heads", context),
            names: [
              ["k", "k_proj"],
              ["v", "v_proj"],
              ["q", "q_proj"],
              ["o", "out_proj"],
            ],
            bias: { q: false, k: false, v: false },
            buffers: [
              { name: "bias", shape: [1, 1, length, length], dtype: "bool", persistent: false },
            ],
            span: { kind: "causal" },
            scores: "fp32-softmax",
            cached: true,
          }),
          layerNorm("ln_2", width),
          plainFeedForward("GPTNeoMLP", "mlp", width, inner, ["c_fc", "c_proj"]),
        ],
        blocks: ["attn.attention", "mlp"],
        exit: [layerNorm("ln_f", width)],
      },
      place,
    );
    return { ...language, maxPositions: length };
  },
});
