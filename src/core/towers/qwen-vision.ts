import { attention } from "../layers/attention.ts";
import { conv } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { gatedFeedForward, plainFeedForward } from "../layers/feed-forward.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm, rmsNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { those, upTo } from "../tree/indices.ts";
import { type Component, type Module, module, stack } from "../tree/module.ts";
import type { Span } from "../tree/op.ts";

export interface QwenVisionSizes {
  readonly width: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  readonly channels: number;
  readonly patch: number;
  readonly temporalPatch: number;
  /** Patches per side that become one token. */
  readonly merge: number;
  /** The language model's width. */
  readonly out: number;
}

/** What sets the generations apart. */
export interface QwenVisionHabits {
  /** Class names of the reference implementation. */
  readonly classes: {
    readonly tower: string;
    readonly patchEmbed: string;
    readonly rotary: string;
    readonly block: string;
    readonly attention: string;
    readonly mlp: string;
    readonly merger: string;
    readonly norm: string;
  };
  readonly norm: "layer" | "rms";
  readonly feedForward:
    | { readonly gated: true }
    | { readonly names: readonly [string, string]; readonly quick?: boolean };
  /** One matrix for queries, keys and values, or three. */
  readonly fused: boolean;
  readonly patchBias: boolean;
  /** Entries of a learned table of positions besides the rotary ones. */
  readonly positions?: number;
  /** Patches that see each other in windowed layers, and the layers that see everything. */
  readonly window?: { readonly patches: number; readonly full: ReadonlySet<number> };
  /** Names in the merger: the norm, and its two matrices as siblings or as a sequence. */
  readonly merger: { readonly norm: string; readonly matrices: readonly [string, string] };
  /** Mergers of inner layers' outputs, which are added to the language model's first layers (Qwen3-VL). */
  readonly deepstack?: {
    readonly name: string;
    readonly count: number;
    readonly component: Component;
    /** Whether they are registered before everything else. */
    readonly first: boolean;
  };
}

/**
 * The image encoder of the Qwen-VL family: patches of two frames, two-dimensional rotary positions, pre-norm layers, and
 * a merger that turns `merge`² patches into one token. Images keep their resolution, so lengths differ by image.
 * Source: transformers 5.18, `models/{qwen2_vl,qwen2_5_vl,qwen3_vl,qwen2_5_omni,qwen3_omni_moe}/modeling_*.py`.
 */
export function qwenVision(name: string, sizes: QwenVisionSizes, habits: QwenVisionHabits): Module {
  const { width, layers, heads, channels, patch, temporalPatch } = sizes;
  const { classes, window, deepstack } = habits;
  const full: Span = { kind: "full" };
  const deep =
    deepstack &&
    stack(upTo(deepstack.count), {
      ...merger(deepstack.name, sizes, habits, true),
      component: deepstack.component,
    });
  return module(
    classes.tower,
    name,
    [
      ...(deepstack?.first ? [deep] : []),
      module(classes.patchEmbed, "patch_embed", [
        conv("proj", channels, width, [temporalPatch, patch, patch], { bias: habits.patchBias }),
      ]),
      habits.positions === undefined ? undefined : embedding("pos_embed", habits.positions, width),
      // Half of each head turns with the row, half with the column; both use the same frequencies.
      rotary("rotary_pos_emb", classes.rotary, Math.floor(width / heads / 2)),
      ...(window
        ? [
            stack(
              those(layers, (index) => window.full.has(index)),
              block(sizes, habits, full),
            ),
            stack(
              those(layers, (index) => !window.full.has(index)),
              block(sizes, habits, { kind: "chunk", size: window.patches, causal: false }),
            ),
          ]
        : [stack(upTo(layers), block(sizes, habits, full))]),
      { ...merger("merger", sizes, habits, false), component: "vision_projector" },
      ...(deepstack?.first === false ? [deep] : []),
    ],
    {
      component: "vision_encoder",
      op: {
        kind: "tower",
        side: "encoder",
        width,
        reads: "images",
        held: 0,
        rotary: Math.floor(width / heads),
        rotaryIn: "fp32",
      },
    },
  );
}

function block(sizes: QwenVisionSizes, habits: QwenVisionHabits, span: Span): Module {
  const { width, heads } = sizes;
  const { classes, fused } = habits;
  return module(
    classes.block,
    "blocks",
    [
      norm("norm1", width, habits),
      norm("norm2", width, habits),
      attention(classes.attention, "attn", {
        width,
        heads,
        names: fused
          ? [
              ["qkv", "qkv"],
              ["o", "proj"],
            ]
          : [
              ["q", "q"],
              ["k", "k"],
              ["v", "v"],
              ["o", "proj"],
            ],
        span,
        scores: "fp32-softmax",
        cached: false,
        habits: {
          packed: "one by one",
          turns: "fp32",
          returns: "nothing",
          ...(fused && { fused: true }),
        },
      }),
      feedForward(sizes, habits),
    ],
    { op: { kind: "layer", width, blocks: [{ run: "attn" }, { run: "mlp" }] } },
  );
}

function feedForward(
  { width, inner }: QwenVisionSizes,
  { classes, feedForward: feed }: QwenVisionHabits,
): Module {
  if ("gated" in feed) return gatedFeedForward(classes.mlp, "mlp", width, inner, { bias: true });
  const plain = plainFeedForward(classes.mlp, "mlp", width, inner, feed.names);
  return feed.quick && plain.op?.kind === "feed-forward"
    ? { ...plain, op: { ...plain.op, quick: true } }
    : plain;
}

const norm = (name: string, width: number, { norm: kind, classes }: QwenVisionHabits): Module =>
  kind === "rms"
    ? rmsNorm(name, width, classes.norm)
    : layerNorm(name, width, { class: classes.norm });

/** `after`: whether it normalises the merged patches rather than each one. */
function merger(
  name: string,
  sizes: QwenVisionSizes,
  habits: QwenVisionHabits,
  after: boolean,
): Module {
  const { width, merge, out } = sizes;
  const merged = width * merge ** 2;
  const [first, second] = habits.merger.matrices;
  return module(
    habits.classes.merger,
    name,
    [
      norm(habits.merger.norm, after ? merged : width, habits),
      linear(first, merged, merged),
      linear(second, merged, out),
    ],
    { op: { kind: "projector", widths: [merged, out], ...(after && { inner: true }) } },
  );
}
