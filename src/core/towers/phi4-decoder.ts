import { attention } from "../layers/attention.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { type Module, module } from "../tree/module.ts";
import type { DecoderSizes } from "./causal-lm.ts";

interface Phi4Sizes extends DecoderSizes {
  readonly window: number | null;
  /** Ranks of the low-rank adapters that lie in the checkpoint, by the modality that switches them on. */
  readonly lora: Readonly<Record<string, number>>;
}

/** A layer of Phi-4-mini: queries, keys and values in one matrix, gate and up in another; and its adapters. */
export function phi4Layer(sizes: Phi4Sizes): Module {
  const { width, inner, heads, kvHeads, headDim, window } = sizes;
  const adapters = (name: string, inputs: number, outputs: number): Module[] =>
    Object.entries(sizes.lora).map(([mode, rank]) =>
      module(
        "LoraLayer",
        `${name}_lora_${mode}`,
        [
          linear("lora_A", inputs, rank, { bias: false }),
          linear("lora_B", rank, outputs, { bias: false }),
        ],
        { component: "lora" },
      ),
    );
  const queries = heads * headDim;
  const qkv = queries + 2 * kvHeads * headDim;
  return module(
    "Phi4MultimodalDecoderLayer",
    "layers",
    [
      attention("Phi4MultimodalAttention", "self_attn", {
        width,
        heads,
        kvHeads,
        headDim,
        names: [["o", "o_proj"]],
        bias: false,
        extra: [
          linear("qkv_proj", width, qkv, {
            bias: false,
            divide: { by: "columns", units: kvHeads },
          }),
          ...adapters("o_proj", queries, width),
          ...adapters("qkv_proj", width, qkv),
        ],
        span: window === null ? { kind: "causal" } : { kind: "window", size: window, causal: true },
        scores: "fp32-softmax",
        cached: true,
        habits: { fused: true },
      }),
      module(
        "Phi4MultimodalMLP",
        "mlp",
        [
          linear("gate_up_proj", width, 2 * inner, {
            bias: false,
            divide: { by: "columns", units: inner },
          }),
          linear("down_proj", inner, width, { bias: false, divide: { by: "rows" } }),
          ...adapters("gate_up_proj", width, 2 * inner),
          ...adapters("down_proj", inner, width),
        ],
        { op: { kind: "feed-forward", width, inner, gated: true, keepsGate: true } },
      ),
      rmsNorm("input_layernorm", width, "Phi4MultimodalRMSNorm"),
      rmsNorm("post_attention_layernorm", width, "Phi4MultimodalRMSNorm"),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "self_attn" }, { run: "mlp" }] } },
  );
}
