import { count, dimension, flag, maybe, or, orAuto, reader } from "../config/schema.ts";
import { mamba2Mixer, mambaMixer } from "../layers/mamba.ts";
import { rmsNorm } from "../layers/norm.ts";
import type { LanguageModel, Place } from "../towers/causal-lm.ts";
import { stackedLm } from "../towers/stacked-lm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { decoderOnly } from "./decoder-only.ts";
import { headsFill } from "./mamba-config.ts";

const ALONE: Place = { backbone: "backbone", head: "lm_head" };

/** MambaConfig and FalconMambaConfig, which have the same fields and defaults (transformers 5.18). */
const readMamba = reader(() => ({
  vocab_size: or(dimension(), 50280),
  hidden_size: or(dimension(), 768),
  state_size: or(dimension(), 16),
  num_hidden_layers: or(count(), 32),
  expand: or(dimension(), 2),
  // Wins over `expand`, which Falcon Mamba's published config states wrongly.
  intermediate_size: maybe(dimension()),
  conv_kernel: or(dimension(), 4),
  use_bias: or(flag(), false),
  use_conv_bias: or(flag(), true),
  time_step_rank: or(orAuto(dimension()), "auto"),
  tie_word_embeddings: or(flag(), true),
  residual_in_fp32: or(flag(), true),
}));

/** Mamba2Config (transformers 5.18). */
const readMamba2 = reader(() => ({
  chunk_size: or(dimension(), 256),
  vocab_size: or(dimension(), 32768),
  hidden_size: or(dimension(), 4096),
  state_size: or(dimension(), 128),
  num_hidden_layers: or(count(), 64),
  num_heads: or(dimension(), 128),
  head_dim: or(dimension(), 64),
  expand: or(dimension(), 2),
  conv_kernel: or(dimension(), 4),
  n_groups: or(dimension(), 8),
  use_bias: or(flag(), false),
  use_conv_bias: or(flag(), true),
  tie_word_embeddings: or(flag(), false),
  residual_in_fp32: or(flag(), true),
}));

interface Common {
  readonly residual_in_fp32: boolean;
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly tie_word_embeddings: boolean;
}

/** Layers of a norm and a mixer, nothing else. */
function mixersOnly(
  classes: string,
  config: Common,
  mixer: Module,
  place: Place,
): LanguageModel & { maxPositions: undefined } {
  const width = config.hidden_size;
  const block = module(
    `${classes}Block`,
    "layers",
    [rmsNorm("norm", width, `${classes}RMSNorm`), mixer],
    {
      op: {
        kind: "layer",
        width,
        blocks: [{ run: mixer.name }],
        ...(config.residual_in_fp32 && { residual: "fp32" as const }),
      },
    },
  );
  const lm = stackedLm(
    {
      classes,
      vocab: config.vocab_size,
      width,
      tied: config.tie_word_embeddings,
      table: "embeddings",
      layers: [stack(upTo(config.num_hidden_layers), block)],
      norm: "norm_f",
    },
    place,
  );
  return { ...lm, maxPositions: undefined };
}

const mambaFamily = (
  name: string,
  classes: string,
  norms: (inner: number, state: number) => readonly Module[],
) =>
  decoderOnly({
    name,
    modelTypes: [name],
    architectures: [`${classes}ForCausalLM`],
    purpose: "text generation",
    type: "state-space",
    place: ALONE,
    build(raw, context, place) {
      const config = readMamba(raw, context);
      const width = config.hidden_size;
      const inner = config.intermediate_size ?? config.expand * width;
      const mixer = mambaMixer(`${classes}Mixer`, "mixer", {
        width,
        inner,
        state: config.state_size,
        kernel: config.conv_kernel,
        rank: config.time_step_rank === "auto" ? Math.ceil(width / 16) : config.time_step_rank,
        bias: config.use_bias,
        convBias: config.use_conv_bias,
        norms: norms(inner, config.state_size),
      });
      return mixersOnly(classes, config, mixer, place);
    },
  });

/** A norm without parameters that keeps a vector of ones on the device. */
const weightless = (name: string, width: number): Module => ({
  class: "FalconMambaWeightlessRMSNorm",
  name,
  tensors: [],
  buffers: [{ name: "weight", shape: [width], dtype: "model", persistent: false }],
  op: { kind: "norm", width },
  children: [],
});

/** Mamba (Gu and Dao 2023). Source: `models/mamba/modeling_mamba.py`. */
export const mamba = mambaFamily("mamba", "Mamba", () => []);

/** Falcon Mamba: Mamba with norms on time step, B and C. Source: `models/falcon_mamba/modeling_falcon_mamba.py`. */
export const falconMamba = mambaFamily("falcon_mamba", "FalconMamba", (inner, state) => [
  weightless("dt_layernorm", inner),
  weightless("b_layernorm", state),
  weightless("c_layernorm", state),
]);

/** Mamba 2 (Dao and Gu 2024). Source: `models/mamba2/modeling_mamba2.py`. */
export const mamba2 = decoderOnly({
  name: "mamba2",
  modelTypes: ["mamba2"],
  architectures: ["Mamba2ForCausalLM"],
  purpose: "text generation",
  type: "state-space",
  place: ALONE,
  build(raw, context, place) {
    const config = readMamba2(raw, context);
    const inner = config.expand * config.hidden_size;
    headsFill(inner, config.num_heads, config.head_dim, ["num_heads", "head_dim"], context);
    const mixer = mamba2Mixer("Mamba2Mixer", "mixer", {
      chunk: config.chunk_size,
      width: config.hidden_size,
      inner,
      heads: config.num_heads,
      headDim: config.head_dim,
      groups: config.n_groups,
      state: config.state_size,
      kernel: config.conv_kernel,
      bias: config.use_bias,
      convBias: config.use_conv_bias,
      norm: "MambaRMSNormGated",
    });
    return mixersOnly("Mamba2", config, mixer, place);
  },
});
