import { flag, integer, list, MAX_COUNT, maybe, or, reader } from "../config/schema.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { mamba2Mixer } from "../layers/mamba.ts";
import { rmsNorm } from "../layers/norm.ts";
import { causalAttention, stackedLm } from "../towers/stacked-lm.ts";
import { those } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { bambaFields, bambaSizes } from "./mamba-config.ts";

/** BambaConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 128000,
    width: 4096,
    inner: 14336,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    headDim: "width/heads",
    maxPositions: 262144,
    tied: false,
  }),
  ...bambaFields(),
  attn_layer_indices: maybe(list(integer(0, MAX_COUNT))),
  attention_bias: or(flag(), false),
  mlp_bias: or(flag(), false),
}));

/** BambaConfig fixes the part of each head that is rotated. */
const ROTATED = 0.5;

/** Bamba (2024): Mamba 2 layers, and attention in those that are listed. Source: `models/bamba/modeling_bamba.py`. */
export const bamba = decoderOnly({
  name: "bamba",
  modelTypes: ["bamba"],
  architectures: ["BambaForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  build(raw, context, place) {
    const config = read(raw, context);
    const sizes = decoderSizes(config, context);
    const { width } = sizes;
    const norm = (name: string) => rmsNorm(name, width, "BambaRMSNorm");
    const attends = new Set(config.attn_layer_indices);
    const layers = (attention: boolean, mixer: Module) =>
      stack(
        those(sizes.layers, (index) => attends.has(index) === attention),
        module(
          "BambaDecoderLayer",
          "layers",
          [
            gatedFeedForward("BambaMLP", "feed_forward", width, sizes.inner, {
              bias: config.mlp_bias,
            }),
            norm("input_layernorm"),
            norm("pre_ff_layernorm"),
            mixer,
          ],
          { op: { kind: "layer", width, blocks: [{ run: mixer.name }, { run: "feed_forward" }] } },
        ),
      );
    const mixer = mamba2Mixer("BambaMixer", "mamba", {
      ...bambaSizes(config, width, config.mamba_expand * width, context),
      norm: "BambaRMSNormGated",
    });
    return {
      ...stackedLm(
        {
          classes: "Bamba",
          vocab: sizes.vocab,
          width,
          tied: sizes.tied,
          layers: [
            layers(false, mixer),
            layers(true, causalAttention("Bamba", sizes, { bias: config.attention_bias })),
          ],
          norm: "final_layernorm",
          rotary: Math.floor(sizes.headDim * ROTATED),
        },
        place,
      ),
      maxPositions: config.max_position_embeddings,
    };
  },
});
