import { flag, or, reader, text } from "../config/schema.ts";
import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { plainFeedForward } from "../layers/feed-forward.ts";
import { layerNorm } from "../layers/norm.ts";
import type { Place } from "../towers/causal-lm.ts";
import { gptModel } from "../towers/gpt.ts";
import type { ScoreStyle } from "../tree/op.ts";
import { underOwnNames } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { GPT_NAMES, gptFields, headsOf } from "./gpt-config.ts";

const PLACE: Place = { backbone: "transformer", head: "lm_head" };
const GPT2 = { vocab: 50257, positions: 1024, width: 768, layers: 12, heads: 12, tied: true };

/** GPT2Config and GPTBigCodeConfig (transformers 5.18). */
const readGpt2 = reader(() => ({
  ...gptFields(GPT2),
  activation_function: or(text(), "gelu_new"),
  add_cross_attention: or(flag(), false),
}));
const readBigCode = reader(() => ({
  ...gptFields(GPT2),
  activation_function: or(text(), "gelu_pytorch_tanh"),
  multi_query: or(flag(), true),
}));

type Config = ReturnType<typeof readGpt2> | ReturnType<typeof readBigCode>;

interface Kind {
  readonly classes: string;
  readonly heads: number;
  readonly headDim: number;
  readonly kvHeads: number;
  /** Matrices are stored as [inputs, outputs]. */
  readonly transposed: boolean;
  /** Whether the model keeps a table of who sees whom. */
  readonly mask: boolean;
  readonly scores: ScoreStyle;
}

function model(config: Config, kind: Kind, place: Place) {
  const { n_embd: width, n_positions: positions } = config;
  const { classes, transposed } = kind;
  const attend = (name: string, over: "self" | "cross") =>
    attention(`${classes}Attention`, name, {
      width,
      heads: kind.heads,
      kvHeads: kind.kvHeads,
      headDim: kind.headDim,
      transposed,
      names:
        over === "self"
          ? [
              ["qkv", "c_attn"],
              ["o", "c_proj"],
            ]
          : [
              ["kv", "c_attn"],
              ["q", "q_attn"],
              ["o", "c_proj"],
            ],
      over,
      span: over === "self" ? { kind: "causal" } : { kind: "full" },
      scores: kind.scores,
      cached: true,
    });
  const crosses = "add_cross_attention" in config && config.add_cross_attention;
  const language = gptModel(
    {
      classes: [`${classes}Model`, `${classes}Block`],
      vocab: config.vocab_size,
      width,
      layers: config.n_layer,
      tokens: "wte",
      tied: config.tie_word_embeddings,
      entry: [embedding("wpe", positions, width)],
      stack: "h",
      layer: [
        layerNorm("ln_1", width),
        attend("attn", "self"),
        layerNorm("ln_2", width),
        ...(crosses ? [attend("crossattention", "cross"), layerNorm("ln_cross_attn", width)] : []),
        plainFeedForward(
          `${classes}MLP`,
          "mlp",
          width,
          config.n_inner ?? 4 * width,
          ["c_fc", "c_proj"],
          { transposed, activation: config.activation_function },
        ),
      ],
      blocks: ["attn", ...(crosses ? ["crossattention"] : []), "mlp"],
      exit: [layerNorm("ln_f", width)],
      positions: "each",
      keepsFirst: 1,
    },
    place,
  );
  const mask = {
    name: "bias",
    shape: [positions, positions],
    dtype: "bool",
    persistent: false,
  } as const;
  const backbone = kind.mask ? { ...language.backbone, buffers: [mask] } : language.backbone;
  return { ...language, backbone, maxPositions: positions };
}

/** GPT-2 and DistilGPT-2: learned positions. Source: `models/gpt2/modeling_gpt2.py`. */
export const gpt2 = decoderOnly({
  name: "gpt2",
  modelTypes: ["gpt2"],
  architectures: ["GPT2LMHeadModel"],
  purpose: "text generation",
  place: PLACE,
  hardLimit: true,
  build(raw, context, place) {
    const config = readGpt2(underOwnNames(raw, GPT_NAMES), context);
    const headDim = headsOf(config.n_embd, config.n_head, "n_head", context);
    const heads = { heads: config.n_head, kvHeads: config.n_head, headDim };
    return model(
      config,
      { classes: "GPT2", ...heads, transposed: true, mask: false, scores: "scaled-copy" },
      place,
    );
  },
});

/** StarCoder 1 and SantaCoder: GPT-2 with one key/value head. Source: `models/gpt_bigcode/modeling_gpt_bigcode.py`. */
export const gptBigCode = decoderOnly({
  name: "gpt_bigcode",
  modelTypes: ["gpt_bigcode"],
  architectures: ["GPTBigCodeForCausalLM"],
  purpose: "code generation",
  place: PLACE,
  hardLimit: true,
  build(raw, context, place) {
    const config = readBigCode(underOwnNames(raw, GPT_NAMES), context);
    const headDim = headsOf(config.n_embd, config.n_head, "n_head", context);
    const heads = {
      heads: config.n_head,
      kvHeads: config.multi_query ? 1 : config.n_head,
      headDim,
    };
    return model(
      config,
      { classes: "GPTBigCode", ...heads, transposed: false, mask: true, scores: "fp32-softmax" },
      place,
    );
  },
});
