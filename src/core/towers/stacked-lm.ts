import { type AttentionOptions, attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { rotary } from "../layers/rotary.ts";
import { type Module, module } from "../tree/module.ts";
import type { DeviceBuffer } from "../tree/tensor.ts";
import { type DecoderSizes, type LanguageModel, type Place, PROJECTIONS } from "./causal-lm.ts";

interface StackedLm {
  /** Prefix of the class names: "Jamba". */
  readonly classes: string;
  readonly vocab: number;
  readonly width: number;
  readonly tied: boolean;
  /** Stacks of layers; those of several kinds together cover all indices. */
  readonly layers: readonly (Module | undefined)[];
  /** Name of the token table; `embed_tokens` unless stated. */
  readonly table?: string;
  /** The last norm: the name of an RMS norm, or another one. */
  readonly norm: string | Module;
  readonly buffers?: readonly DeviceBuffer[];
  /** How much of each head is rotated, if any. */
  readonly rotary?: number | undefined;
  /** Name of the rotary tables; `rotary_emb` unless stated. */
  readonly rotaryName?: string;
}

/** A language model whose layers are of any kind: token table, layers, an RMS norm, and a head without bias. */
export function stackedLm(parts: StackedLm, place: Place): LanguageModel {
  const { classes, vocab, width, tied, table = "embed_tokens" } = parts;
  const backbone = module(
    `${classes}Model`,
    lastOf(place.backbone),
    [
      embedding(table, vocab, width, { component: "embeddings", divided: true }),
      ...parts.layers,
      typeof parts.norm === "string" ? rmsNorm(parts.norm, width, `${classes}RMSNorm`) : parts.norm,
      parts.rotary === undefined
        ? undefined
        : rotary(parts.rotaryName ?? "rotary_emb", `${classes}RotaryEmbedding`, parts.rotary),
    ],
    {
      component: "text_model",
      ...(parts.buffers && { buffers: parts.buffers }),
      op: {
        kind: "tower",
        side: "decoder",
        width,
        ...(parts.rotary !== undefined && { rotary: parts.rotary }),
      },
    },
  );
  const head: Module = {
    ...linear(lastOf(place.head), width, vocab, {
      bias: false,
      component: tied ? "embeddings" : "lm_head",
      divide: { by: "columns" },
      ...(tied && { tiedTo: `${place.backbone}.${table}.weight` }),
    }),
    op: { kind: "head", vocab, positions: "last" },
  };
  return { backbone, head, width, vocab };
}

/** Causal grouped-query attention under the names that nearly all such models use. */
export const causalAttention = (
  classes: string,
  sizes: Pick<DecoderSizes, "width" | "heads" | "kvHeads" | "headDim">,
  options: Partial<Pick<AttentionOptions, "bias" | "names" | "extra" | "span">> & {
    name?: string;
  } = {},
): Module =>
  attention(`${classes}Attention`, options.name ?? "self_attn", {
    width: sizes.width,
    heads: sizes.heads,
    kvHeads: sizes.kvHeads,
    headDim: sizes.headDim,
    names: options.names ?? PROJECTIONS,
    bias: options.bias ?? false,
    ...(options.extra && { extra: options.extra }),
    span: options.span ?? { kind: "causal" },
    scores: "fp32-softmax",
    cached: true,
  });

const lastOf = (path: string): string => path.split(".").at(-1) ?? path;
