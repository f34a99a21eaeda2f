import { count, dimension, flag, list, maybe, or, reader, text } from "../config/schema.ts";
import { mixtureOfExperts } from "../layers/experts.ts";
import { linear } from "../layers/linear.ts";
import { mamba2Mixer } from "../layers/mamba.ts";
import { rmsNorm } from "../layers/norm.ts";
import { causalAttention, stackedLm } from "../towers/stacked-lm.ts";
import { those } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { graniteSharedMlp } from "./granite-shared.ts";
import { bambaFields, bambaSizes, checkedKinds, layerKinds } from "./mamba-config.ts";

const CLASSES = "GraniteMoeHybrid";

/** GraniteMoeHybridConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 32000,
    width: 4096,
    inner: 11008,
    layers: 32,
    heads: 32,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 2048,
    tied: false,
  }),
  ...bambaFields(),
  attention_bias: or(flag(), false),
  num_local_experts: or(count(0), 8),
  num_experts_per_tok: or(count(), 2),
  shared_intermediate_size: or(dimension(), 1024),
  position_embedding_type: maybe(text()),
  layer_types: maybe(list(text())),
  layers_block_type: maybe(list(text())),
}));

/**
 * Granite 4 (2025): Mamba 2 or attention, then experts, if any, beside a feed-forward that every token takes.
 * Source: `models/granitemoehybrid/modeling_granitemoehybrid.py`.
 */
export const graniteHybrid = decoderOnly({
  name: "granitemoehybrid",
  modelTypes: ["granitemoehybrid"],
  architectures: [`${CLASSES}ForCausalLM`],
  purpose: "text generation",
  type: "hybrid",
  build(raw, context, place) {
    const config = read(raw, context);
    const sizes = decoderSizes(config, context);
    const { width } = sizes;
    const norm = (name: string) => rmsNorm(name, width, `${CLASSES}RMSNorm`);
    const stated = config.layers_block_type ?? config.layer_types;
    const kinds =
      stated &&
      checkedKinds(
        layerKinds(stated),
        sizes.layers,
        ["linear_attention", "full_attention"],
        config.layers_block_type ? "layers_block_type" : "layer_types",
        context,
      );
    const experts =
      config.num_local_experts === 0
        ? undefined
        : mixtureOfExperts(`${CLASSES}MoE`, "block_sparse_moe", {
            class: `${CLASSES}Experts`,
            width,
            inner: sizes.inner,
            experts: config.num_local_experts,
            perToken: config.num_experts_per_tok,
            router: linear("router", width, config.num_local_experts, {
              bias: false,
              class: `${CLASSES}TopKRouter`,
            }),
          });
    const inner = config.shared_intermediate_size;
    const shared = graniteSharedMlp(`${CLASSES}MLP`, width, inner);
    const layers = (attention: boolean, mixer: Module) =>
      stack(
        those(sizes.layers, (index) => (kinds?.[index] === "full_attention") === attention),
        module(
          `${CLASSES}DecoderLayer`,
          "layers",
          [mixer, norm("input_layernorm"), norm("post_attention_layernorm"), experts, shared],
          {
            op: {
              kind: "layer",
              width,
              blocks: [
                { run: mixer.name },
                ...(experts ? [{ run: experts.name }] : []),
                { run: shared.name },
              ],
            },
          },
        ),
      );
    const mixer = mamba2Mixer(`${CLASSES}MambaLayer`, "mamba", {
      ...bambaSizes(config, width, config.mamba_expand * width, context),
      norm: `${CLASSES}RMSNormGated`,
    });
    return {
      ...stackedLm(
        {
          classes: CLASSES,
          vocab: sizes.vocab,
          width,
          tied: sizes.tied,
          layers: [
            layers(false, mixer),
            layers(true, causalAttention(CLASSES, sizes, { bias: config.attention_bias })),
          ],
          norm: "norm",
          rotary: config.position_embedding_type === "rope" ? sizes.headDim : undefined,
        },
        place,
      ),
      maxPositions: config.max_position_embeddings,
    };
  },
});
