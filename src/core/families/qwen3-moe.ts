import {
  count,
  dimension,
  flag,
  integer,
  list,
  or,
  orNull,
  positions,
  reader,
} from "../config/schema.ts";
import { mixtureOfExperts } from "../layers/experts.ts";
import { causalLm } from "../towers/causal-lm.ts";
import { those } from "../tree/indices.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";

/** Qwen3MoeConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 151936,
    width: 2048,
    inner: 6144,
    layers: 24,
    heads: 32,
    kvHeads: 4,
    headDim: "width/heads",
    maxPositions: 32768,
    tied: false,
  }),
  attention_bias: or(flag(), false),
  use_sliding_window: or(flag(), false),
  sliding_window: or(orNull(positions()), 4096),
  decoder_sparse_step: or(integer(1, 1000), 1),
  moe_intermediate_size: or(dimension(), 768),
  num_experts: or(count(0), 128),
  num_experts_per_tok: or(count(), 8),
  mlp_only_layers: or(list(integer(0, 100_000)), []),
}));

/** Qwen 3 with experts in every `decoder_sparse_step`-th layer. Source: `models/qwen3_moe/modeling_qwen3_moe.py`. */
export const qwen3Moe = decoderOnly({
  name: "qwen3_moe",
  modelTypes: ["qwen3_moe"],
  architectures: ["Qwen3MoeForCausalLM"],
  purpose: "text generation",
  build(raw, context, place) {
    const config = read(raw, context);
    const sizes = decoderSizes(config, context);
    const window = config.use_sliding_window ? config.sliding_window : null;
    const span =
      window === null ? {} : { span: { kind: "window", size: window, causal: true } as const };
    const dense = new Set(config.mlp_only_layers);
    const sparse = (index: number) =>
      config.num_experts > 0 && !dense.has(index) && (index + 1) % config.decoder_sparse_step === 0;
    const experts = mixtureOfExperts("Qwen3MoeSparseMoeBlock", "mlp", {
      class: "Qwen3MoeExperts",
      width: sizes.width,
      inner: config.moe_intermediate_size,
      experts: config.num_experts,
      perToken: config.num_experts_per_tok,
    });
    return {
      ...causalLm(
        sizes,
        {
          classes: "Qwen3Moe",
          bias: { qkv: config.attention_bias, o: config.attention_bias },
          normedHeads: true,
          variants: [
            { indices: those(sizes.layers, sparse), feedForward: experts, ...span },
            { indices: those(sizes.layers, (index) => !sparse(index)), ...span },
          ],
        },
        place,
      ),
      maxPositions: config.max_position_embeddings,
    };
  },
});
