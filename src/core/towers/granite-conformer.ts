import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { batchNorm, layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { conformerLayer, convolutionModule, halfFeedForward, withPositions } from "./conformer.ts";

export interface GraniteConformerSizes {
  readonly bins: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly headDim: number;
  readonly inner: number;
  /** Width of the CTC prediction that is fed back in the middle of the stack. */
  readonly outputs: number;
  /** Hidden states of earlier layers that are kept to be handed on beside the last one's (`cat_hidden_layers`). */
  readonly handedOn?: number;
  /** Positions that attend to each other. */
  readonly block: number;
  readonly maxDistance: number;
  readonly kernel: number;
  readonly convInner: number;
}

/**
 * Granite Speech's encoder: conformer layers whose attention stays in blocks and adds Shaw's relative positions, and a
 * self-conditioned CTC head. Source: transformers 5.18, `models/granite_speech/modeling_granite_speech.py`.
 */
export function graniteConformer(classes: string, sizes: GraniteConformerSizes): Module {
  const { bins, width, layers, outputs, block } = sizes;
  return module(
    `${classes}CTCEncoder`,
    "encoder",
    [
      linear("input_linear", bins, width),
      stack(upTo(layers), layer(classes, sizes)),
      linear("out", width, outputs),
      linear("out_mid", outputs, width),
    ],
    {
      component: "audio_encoder",
      buffers: [
        { name: "attention_dists", shape: [block, block], dtype: "int64", persistent: false },
      ],
      op: {
        kind: "tower",
        side: "encoder",
        width,
        held: sizes.handedOn ?? 0,
        // `hidden_states_mid`: the prediction of the middle layer, which the frame names until it returns.
        maps: [{ label: "prediction in the middle", steps: [], width: outputs }],
      },
    },
  );
}

function layer(classes: string, sizes: GraniteConformerSizes): Module {
  const { width, heads, headDim, inner } = sizes;
  const feedForward = (name: string) =>
    halfFeedForward(`${classes}ConformerFeedForward`, name, {
      width,
      inner,
      names: ["up_proj", "down_proj"],
      before: [layerNorm("pre_norm", width)],
    });
  const attend = withPositions(
    attention(`${classes}ConformerAttention`, "attn", {
      width,
      heads,
      headDim,
      names: [["q", "to_q"]],
      bias: false,
      extra: [
        linear("to_kv", width, 2 * heads * headDim, {
          bias: false,
          divide: { by: "columns", units: heads },
        }),
        linear("to_out", heads * headDim, width, { divide: { by: "rows", units: heads } }),
        embedding("rel_pos_emb", 2 * sizes.maxDistance + 1, headDim),
      ],
      span: { kind: "chunk", size: sizes.block, causal: false, folded: true },
      scores: "scaled-copy",
      cached: false,
      habits: { always: "math" },
    }),
    { kind: "keys", shared: false },
  );
  return conformerLayer(
    `${classes}ConformerBlock`,
    "layers",
    width,
    [
      feedForward("ff1"),
      { ...attend, children: [layerNorm("pre_norm", width), ...attend.children] },
      convolutionModule(`${classes}ConformerConvModule`, "conv", {
        width,
        inner: sizes.convInner,
        kernel: sizes.kernel,
        names: ["up_conv", "depth_conv.conv", "down_conv"],
        bias: { pointwise: true, depthwise: false },
        norm: batchNorm("batch_norm", sizes.convInner),
        before: layerNorm("norm", width),
      }),
      feedForward("ff2"),
      layerNorm("post_norm", width),
    ],
    ["ff1", "attn", "conv", "ff2"],
  );
}
