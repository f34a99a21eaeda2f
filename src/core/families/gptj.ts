import { dimension, or, orNull, reader, text } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import { gptModel } from "../towers/gpt.ts";
import { underOwnNames } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { GPT_NAMES, gptFields, headsOf } from "./gpt-config.ts";

/** GPTJConfig and CodeGenConfig (transformers 5.18), which are alike. */
const read = reader(() => ({
  ...gptFields({
    vocab: 50400,
    positions: 2048,
    width: 4096,
    layers: 28,
    heads: 16,
    tied: false,
  }),
  rotary_dim: or(orNull(dimension()), 64),
  activation_function: or(text(), "gelu_new"),
}));

const family = (name: string, classes: string, fused: boolean, purpose: string) =>
  decoderOnly({
    name,
    modelTypes: [name],
    architectures: [`${classes}ForCausalLM`],
    purpose,
    place: { backbone: "transformer", head: "lm_head" },
    hardLimit: true,
    build(raw, context, place) {
      const config = read(underOwnNames(raw, GPT_NAMES), context);
      const { n_embd: width, n_positions: positions, n_head: heads } = config;
      const language = gptModel(
        {
          classes: [`${classes}Model`, `${classes}Block`],
          vocab: config.vocab_size,
          width,
          layers: config.n_layer,
          tokens: "wte",
          tied: config.tie_word_embeddings,
          stack: "h",
          layer: [
            layerNorm("ln_1", width),
            attention(`${classes}Attention`, "attn", {
              width,
              heads,
              headDim: headsOf(width, heads, "n_head", context),
              bias: false,
              names: fused
                ? [
                    ["qkv", "qkv_proj"],
                    ["o", "out_proj"],
                  ]
                : [
                    ["k", "k_proj"],
                    ["v", "v_proj"],
                    ["q", "q_proj"],
                    ["o", "out_proj"],
                  ],
              // Sines and cosines of every position, one table for each layer.
              buffers: [
                {
                  name: "embed_positions",
                  shape: [positions, config.rotary_dim ?? width],
                  dtype: "fp32",
                  persistent: false,
                },
              ],
              span: { kind: "causal" },
              scores: "scaled-copy",
              cached: true,
            }),
            plainFeedForward(
              `${classes}MLP`,
              "mlp",
              width,
              config.n_inner ?? 4 * width,
              ["fc_in", "fc_out"],
              { activation: config.activation_function },
            ),
          ],
          blocks: ["attn", "mlp"],
          exit: [layerNorm("ln_f", width)],
          headBias: true,
        },
        place,
      );
      return { ...language, maxPositions: positions };
    },
  });

/** GPT-J: attention and feed-forward side by side, a head with a bias. Source: `models/gptj/modeling_gptj.py`. */
export const gptj = family("gptj", "GPTJ", false, "text generation");
/** CodeGen: GPT-J with one matrix for queries, keys and values. Source: `models/codegen/modeling_codegen.py`. */
export const codegen = family("codegen", "CodeGen", true, "code generation");
