import { within } from "../config/raw.ts";
import {
  count,
  dimension,
  either,
  flag,
  integer,
  list,
  maybe,
  or,
  positions,
  reader,
  text,
} from "../config/schema.ts";
import type { Dtype } from "../dtype.ts";
import { InputError } from "../errors.ts";
import { attention } from "../layers/attention.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { perVector, rmsNormFp32 } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import type { DecoderSizes } from "../towers/causal-lm.ts";
import { firstSharing, layerTypesOf } from "../towers/kv-sharing.ts";
import { lmHead } from "../towers/lm-head.ts";
import {
  perLayerInputs,
  perLayerTable,
  perLayerWidths,
  scaledEmbedding,
} from "../towers/per-layer-embeddings.ts";
import { scalarBuffer } from "../towers/usm-conformer.ts";
import { groups, upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { decoderOnly } from "./decoder-only.ts";
import { type Context, statedDtype } from "./family.ts";

/** Gemma3nTextConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 262400,
    width: 2048,
    inner: 16384,
    layers: 35,
    heads: 8,
    kvHeads: 2,
    headDim: 256,
    maxPositions: 32768,
    tied: true,
  }),
  intermediate_size: or(
    either(dimension(), list(dimension()), "a whole number, or a list with one for each layer"),
    16384,
  ),
  attention_bias: or(flag(), false),
  sliding_window: or(positions(), 512),
  layer_types: maybe(list(text())),
  vocab_size_per_layer_input: or(dimension(), 262144),
  hidden_size_per_layer_input: or(dimension(), 256),
  altup_num_inputs: or(integer(1, 1000), 4),
  num_kv_shared_layers: or(count(0), 15),
  laurel_rank: or(dimension(), 64),
}));
type Config = ReturnType<typeof read>;

/** Every fifth layer sees everything. */
const presetType = (index: number) =>
  (index + 1) % 5 === 0 ? "full_attention" : "sliding_attention";

/**
 * Gemma 3n's language model: per-layer embeddings, AltUp (four streams of hidden states, one of which runs through each
 * layer), LAuReL (a low-rank branch beside attention), and last layers that share keys and values.
 * Source: transformers 5.18, `models/gemma3n/modeling_gemma3n.py`.
 */
export const gemma3nText = decoderOnly({
  name: "gemma3n_text",
  modelTypes: ["gemma3n_text"],
  architectures: ["Gemma3nForCausalLM"],
  purpose: "text generation",
  build(raw, context, place) {
    const config = read(raw, context);
    const inner = innerOf(config, context);
    const sizes = decoderSizes({ ...config, intermediate_size: inner(0) }, context);
    const { width, vocab, layers } = sizes;
    const dtype = statedDtype(raw) ?? "model";
    const types = layerTypesOf(config.layer_types, layers, presetType, context.path);
    const first = firstSharing(types, config.num_kv_shared_layers, context.path);
    const kinds = groups(layers, (index) =>
      [types[index] === "sliding_attention", index >= first, inner(index)].join(),
    );
    const streams = upTo(config.altup_num_inputs - 1);
    const stream = (name: string) => stack(streams, linear(name, width, width, { bias: false }));
    const backbone = module(
      "Gemma3nTextModel",
      place.backbone.split(".").at(-1) ?? place.backbone,
      [
        scaledEmbedding("Gemma3nTextScaledWordEmbedding", "embed_tokens", vocab, width, dtype),
        ...kinds.map(([, indices]) => {
          const at = indices[0]?.[0] ?? 0;
          return stack(
            indices,
            layer({ ...sizes, inner: inner(at) }, config, {
              slides: types[at] === "sliding_attention",
              shares: at >= first,
              dtype,
            }),
          );
        }),
        rmsNormFp32("norm", width, "Gemma3nRMSNorm"),
        rotary("rotary_emb", "Gemma3nRotaryEmbedding", sizes.headDim, [...new Set(types)].sort()),
        ...perLayerTable({
          classes: "Gemma3n",
          rows: config.vocab_size_per_layer_input,
          layers,
          width,
          own: config.hidden_size_per_layer_input,
          dtype,
        }),
        stream("altup_projections"),
        stream("altup_unembed_projections"),
      ],
      {
        component: "text_model",
        buffers: [
          scalarBuffer("per_layer_projection_scale", dtype),
          scalarBuffer("per_layer_input_scale", dtype),
        ],
        op: {
          kind: "tower",
          side: "decoder",
          width,
          rotary: sizes.headDim * new Set(types).size,
          // The embedding, its streams, and those stacked.
          held: 1 + 2 * config.altup_num_inputs,
          beside: perLayerWidths(layers * config.hidden_size_per_layer_input),
          perLayer: layers * config.hidden_size_per_layer_input,
        },
      },
    );
    const head = lmHead({
      copied: true,
      name: place.head.split(".").at(-1) ?? place.head,
      width,
      vocab,
      tiedTo: sizes.tied && `${place.backbone}.embed_tokens.weight`,
      positions: "last",
    });
    return { backbone, head, width, vocab, maxPositions: config.max_position_embeddings };
  },
});

/** The feed-forward's inner width of each layer. */
function innerOf(config: Config, context: Context): (index: number) => number {
  const stated = config.intermediate_size;
  if (typeof stated === "number") return () => stated;
  if (stated.length !== config.num_hidden_layers) {
    const field = within(context.path, "intermediate_size");
    throw new InputError(
      "inconsistent",
      `${field} lists ${stated.length} widths for ${config.num_hidden_layers} layers: correct one of them in the config.`,
      field,
    );
  }
  return (index) => stated[index] ?? 0;
}

interface Kind {
  readonly slides: boolean;
  readonly shares: boolean;
  readonly dtype: Dtype | "model";
}

/**
 * Hidden states of one stream that are referenced at the peak of `Gemma3nTextDecoderLayer.forward`, besides its input, its
 * predictions, `attn_laurel` (the residual) and `attn_norm` (the norm). The peak is inside the MLP: `down_proj` makes its result
 * while the gate, its activation, `up_proj` and their product are still referenced.
 * Source: `models/gemma3n/modeling_gemma3n.py` (transformers 5.18).
 */
const KEPT = [
  "active_prediction_normed",
  "laurel_output",
  "attn",
  "attn_gated",
  "down_proj",
] as const;

/** The gate is a variable of its own, for the layers that keep only its largest values. */
const keepsGate = (part: Module): Module =>
  part.op?.kind === "feed-forward" ? { ...part, op: { ...part.op, keepsGate: true } } : part;

function layer(sizes: DecoderSizes, config: Config, { slides, shares, dtype }: Kind): Module {
  const { width, inner, heads, kvHeads, headDim } = sizes;
  const norm = (name: string, of = width) => rmsNormFp32(name, of, "Gemma3nRMSNorm");
  const small = (name: string, inputs: number, outputs: number) =>
    linear(name, inputs, outputs, { bias: false });
  const streams = config.altup_num_inputs;
  return module(
    "Gemma3nTextDecoderLayer",
    "layers",
    [
      attention("Gemma3nTextAttention", "self_attn", {
        width,
        heads,
        kvHeads,
        headDim,
        names: [
          ["q", "q_proj"],
          ...(shares
            ? []
            : ([
                ["k", "k_proj"],
                ["v", "v_proj"],
              ] as const)),
          ["o", "o_proj"],
        ],
        bias: config.attention_bias,
        extra: [
          perVector(norm("q_norm", headDim), sizes.heads),
          ...(shares ? [] : [perVector(norm("k_norm", headDim), sizes.kvHeads)]),
        ],
        span: slides
          ? { kind: "window", size: config.sliding_window, causal: true }
          : { kind: "causal" },
        scores: "fp32-softmax",
        cached: !shares,
      }),
      keepsGate(gatedFeedForward("Gemma3nTextMLP", "mlp", width, inner)),
      norm("input_layernorm"),
      norm("post_attention_layernorm"),
      norm("pre_feedforward_layernorm"),
      norm("post_feedforward_layernorm"),
      module(
        "Gemma3nTextAltUp",
        "altup",
        [
          small("correction_coefs", streams, streams),
          small("prediction_coefs", streams, streams ** 2),
          small("modality_router", width, streams),
          norm("router_norm"),
        ],
        {
          tensors: [{ name: "correct_output_scale", shape: [width] }],
          buffers: [scalarBuffer("router_input_scale", dtype)],
        },
      ),
      module("Gemma3nTextLaurelBlock", "laurel", [
        small("linear_left", width, config.laurel_rank),
        small("linear_right", config.laurel_rank, width),
        norm("post_laurel_norm"),
      ]),
      ...perLayerInputs("Gemma3n", width, config.hidden_size_per_layer_input),
    ],
    {
      op: {
        kind: "layer",
        width,
        blocks: [{ run: "self_attn" }, { run: "mlp" }],
        // The other streams of its input, the predictions of all, and what Laurel and attention add to the active one.
        keeps: 2 * streams - 1 + KEPT.length,
      },
    },
  );
}
