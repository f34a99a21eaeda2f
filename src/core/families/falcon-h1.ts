import { dimension, flag, or, orNull, reader } from "../config/schema.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { mamba2Mixer, mamba2Projection } from "../layers/mamba.ts";
import { rmsNorm } from "../layers/norm.ts";
import { causalAttention, stackedLm } from "../towers/stacked-lm.ts";
import { upTo } from "../tree/indices.ts";
import { module, stack } from "../tree/module.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { bambaFields, bambaSizes } from "./mamba-config.ts";

/** FalconH1Config (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 128000,
    width: 4096,
    inner: 14336,
    layers: 32,
    heads: 32,
    kvHeads: 8,
    headDim: "width/heads",
    maxPositions: 8192,
    tied: false,
  }),
  ...bambaFields(),
  mamba_d_ssm: or(orNull(dimension()), 1024),
  mamba_rms_norm: or(flag(), false),
  projectors_bias: or(flag(), false),
  attention_bias: or(flag(), false),
  mlp_bias: or(flag(), false),
}));

/**
 * Falcon-H1 (2025): attention and Mamba 2 read the same normed input and their results are added. Multipliers of the
 * projection's parts lie in a buffer of its width in every layer. Source: `models/falcon_h1/modeling_falcon_h1.py`.
 */
export const falconH1 = decoderOnly({
  name: "falcon_h1",
  modelTypes: ["falcon_h1"],
  architectures: ["FalconH1ForCausalLM"],
  purpose: "text generation",
  type: "hybrid",
  build(raw, context, place) {
    const config = read(raw, context);
    const sizes = decoderSizes(config, context);
    const { width } = sizes;
    const norm = (name: string) => rmsNorm(name, width, "FalconH1RMSNorm");
    const mamba = bambaSizes(
      config,
      width,
      config.mamba_d_ssm ?? config.mamba_expand * width,
      context,
    );
    const layer = module(
      "FalconH1DecoderLayer",
      "layers",
      [
        gatedFeedForward("FalconH1MLP", "feed_forward", width, sizes.inner, {
          bias: config.mlp_bias,
        }),
        mamba2Mixer("FalconH1Mixer", "mamba", {
          ...mamba,
          outBias: config.projectors_bias,
          norm: config.mamba_rms_norm ? "FalconH1RMSNormGated" : undefined,
          buffers: [
            {
              name: "mup_vector",
              shape: [1, 1, mamba2Projection(mamba)],
              dtype: "model",
              persistent: false,
            },
          ],
        }),
        causalAttention("FalconH1", sizes, { bias: config.attention_bias }),
        norm("input_layernorm"),
        norm("pre_ff_layernorm"),
      ],
      // Mamba and attention share the first block's norm and run one after the other.
      {
        op: {
          kind: "layer",
          width,
          blocks: [{ run: "mamba" }, { run: "self_attn" }, { run: "feed_forward" }],
        },
      },
    );
    return {
      ...stackedLm(
        {
          classes: "FalconH1",
          vocab: sizes.vocab,
          width,
          tied: sizes.tied,
          layers: [stack(upTo(sizes.layers), layer)],
          norm: "final_layernorm",
          rotary: sizes.headDim,
        },
        place,
      ),
      maxPositions: config.max_position_embeddings,
    };
  },
});
