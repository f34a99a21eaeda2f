import type { RawConfig } from "../config/raw.ts";
import { attention } from "../layers/attention.ts";
import { fusedExperts } from "../layers/experts.ts";
import { gatedFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { perVector, rmsNormFp32 } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import type { Place } from "../towers/causal-lm.ts";
import { lmHead } from "../towers/lm-head.ts";
import {
  perLayerInputs,
  perLayerTable,
  perLayerWidths,
  scaledEmbedding,
} from "../towers/per-layer-embeddings.ts";
import { groups } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { DeviceBuffer } from "../tree/tensor.ts";
import { decoderOnly } from "./decoder-only.ts";
import { type Context, statedDtype } from "./family.ts";
import { type Gemma4Layer, type Gemma4Text, isUnified, readGemma4Text } from "./gemma4-config.ts";

type BufferDtype = DeviceBuffer["dtype"];

/**
 * Gemma 4's language model: full-attention layers have heads of another size and may take keys for values, the last
 * layers may share keys and values (and be twice as wide inside), experts run beside the dense feed-forward.
 * Source: transformers 5.18, `models/gemma4/modeling_gemma4.py` and `models/gemma4_unified`.
 */
export const gemma4Text = decoderOnly({
  name: "gemma4_text",
  modelTypes: ["gemma4_text", "gemma4_unified_text"],
  architectures: ["Gemma4ForCausalLM", "Gemma4UnifiedForCausalLM"],
  purpose: "text generation",
  build: (raw, context, place) => gemma4Language(raw, context, place, isUnified(raw)),
});

export function gemma4Language(raw: RawConfig, context: Context, place: Place, unified: boolean) {
  const text = readGemma4Text(raw, context, unified);
  const { sizes, perLayer } = text;
  const { width, vocab, layers } = sizes;
  const classes = unified ? "Gemma4Unified" : "Gemma4";
  const dtype = statedDtype(raw) ?? "model";
  const kinds = groups(layers, (index) => JSON.stringify(text.layer(index)));
  const backbone = module(
    `${classes}TextModel`,
    place.backbone.split(".").at(-1) ?? place.backbone,
    [
      scaledEmbedding(`${classes}TextScaledWordEmbedding`, "embed_tokens", vocab, width, dtype),
      ...kinds.map(([, indices]) =>
        stack(indices, layer(classes, text, text.layer(indices[0]?.[0] ?? 0), dtype)),
      ),
      rmsNormFp32("norm", width, `${classes}RMSNorm`),
      rotaryTables(classes, text),
      ...(perLayer
        ? perLayerTable({
            classes,
            rows: perLayer.rows,
            layers,
            width,
            own: perLayer.width,
            dtype,
          })
        : []),
    ],
    {
      component: "text_model",
      op: {
        kind: "tower",
        side: "decoder",
        width,
        held: 2,
        rotary: rotaryWidth(text),
        ...(perLayer && { beside: perLayerWidths(layers * perLayer.width) }),
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
  return { backbone, head, width, vocab, maxPositions: text.maxPositions };
}

/** One pair of tables for each type of layer, as long as half a head of that type. */
function rotaryTables(classes: string, text: Gemma4Text): Module {
  const name = `${classes}TextRotaryEmbedding`;
  const kinds = [...new Set(text.types)].sort();
  return {
    ...rotary("rotary_emb", name, 0, []),
    buffers: kinds.flatMap((kind) => {
      const { headDim } = text.layer(text.types.indexOf(kind));
      return rotary("rotary_emb", name, headDim, [kind]).buffers ?? [];
    }),
  };
}

/** A table of cosines and sines for each kind of layer. */
const rotaryWidth = (text: Gemma4Text): number =>
  [...new Set(text.types)].reduce(
    (sum, kind) => sum + text.layer(text.types.indexOf(kind)).headDim,
    0,
  );

function layer(classes: string, text: Gemma4Text, own: Gemma4Layer, dtype: BufferDtype): Module {
  const { width } = text.sizes;
  const { experts } = text;
  const norm = (name: string) => rmsNormFp32(name, width, `${classes}RMSNorm`);
  return module(
    `${classes}TextDecoderLayer`,
    "layers",
    [
      attend(classes, text, own),
      gatedFeedForward(`${classes}TextMLP`, "mlp", width, own.inner),
      norm("input_layernorm"),
      norm("post_attention_layernorm"),
      norm("pre_feedforward_layernorm"),
      norm("post_feedforward_layernorm"),
      ...(text.perLayer ? perLayerInputs(classes, width, text.perLayer.width) : []),
      ...(experts
        ? [
            router(classes, width, experts.count),
            {
              ...fusedExperts({
                width,
                inner: experts.inner,
                experts: experts.count,
                perToken: experts.perToken,
                class: `${classes}TextExperts`,
              }),
              op: {
                kind: "experts" as const,
                width,
                inner: experts.inner,
                experts: experts.count,
                perToken: experts.perToken,
              },
            },
            norm("post_feedforward_layernorm_1"),
            norm("post_feedforward_layernorm_2"),
            norm("pre_feedforward_layernorm_2"),
          ]
        : []),
    ],
    {
      buffers: [{ name: "layer_scalar", shape: [1], dtype, persistent: true }],
      op: {
        kind: "layer",
        width,
        blocks: [{ run: "self_attn" }, { run: "mlp" }, ...(experts ? [{ run: "experts" }] : [])],
      },
    },
  );
}

function attend(classes: string, text: Gemma4Text, own: Gemma4Layer): Module {
  const { headDim, kvHeads, shares, type } = own;
  const slides = type === "sliding_attention";
  const norm = (name: string) => rmsNormFp32(name, headDim, `${classes}RMSNorm`);
  const values = slides || !text.keysAreValues;
  return attention(`${classes}TextAttention`, "self_attn", {
    width: text.sizes.width,
    heads: text.sizes.heads,
    kvHeads,
    headDim,
    names: [
      ["q", "q_proj"],
      ...(shares ? [] : [["k", "k_proj"] as const]),
      ...(shares || !values ? [] : [["v", "v_proj"] as const]),
      ["o", "o_proj"],
    ],
    bias: text.bias,
    extra: [
      perVector(norm("q_norm"), text.sizes.heads),
      ...(shares ? [] : [perVector(norm("k_norm"), kvHeads)]),
    ],
    span: slides
      ? { kind: "window", size: text.window, causal: text.causal }
      : { kind: text.causal ? "causal" : "full" },
    scores: "fp32-softmax",
    cached: !shares,
  });
}

const router = (classes: string, width: number, experts: number): Module =>
  module(`${classes}TextRouter`, "router", [linear("proj", width, experts, { bias: false })], {
    tensors: [
      { name: "scale", shape: [width] },
      { name: "per_expert_scale", shape: [experts] },
    ],
  });
