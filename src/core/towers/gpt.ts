import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import type { Block } from "../tree/op.ts";
import { type LanguageModel, languageModel, type Place, tokenTable } from "./causal-lm.ts";

/** A decoder-only model by its parts, for those that are not built in Llama's shape. */
export interface GptParts {
  /** Classes of the backbone and of a layer. */
  readonly classes: readonly [model: string, layer: string];
  readonly vocab: number;
  readonly width: number;
  readonly layers: number;
  /** Name of the token table, and its width where the backbone projects it to its own. */
  readonly tokens: string;
  readonly tokenWidth?: number;
  readonly tied: boolean;
  /** What comes between the token table and the layers: positions, a norm, projections. */
  readonly entry?: readonly (Module | undefined)[];
  /** Name of the stack of layers. */
  readonly stack: string;
  readonly layer: readonly (Module | undefined)[];
  /** What runs in a layer, in order. */
  readonly blocks: readonly Block["run"][];
  /** What follows the layers. */
  readonly exit: readonly (Module | undefined)[];
  readonly rotary?: number;
  /** Learned positions: of each sequence, or once for all. */
  readonly positions?: "each" | "once";
  /** Hidden states of the first block that keep a name while the later ones run. */
  readonly keepsFirst?: number;
  readonly headBias?: boolean;
}

/** The model of GPT-2 and its kin (Radford et al. 2019). */
export function gptModel(parts: GptParts, place: Place): LanguageModel {
  const { classes, vocab, width, tokens, tokenWidth = width } = parts;
  const blocks = parts.blocks.map((run) => ({ run }));
  const layer = module(classes[1], parts.stack, parts.layer, {
    op: {
      kind: "layer",
      width,
      blocks,
      ...(parts.keepsFirst !== undefined && { keepsFirst: parts.keepsFirst }),
    },
  });
  return languageModel({
    class: classes[0],
    place,
    vocab,
    width,
    tiedTo: parts.tied ? tokens : undefined,
    children: [
      tokenTable(tokens, vocab, tokenWidth),
      ...(parts.entry ?? []),
      stack(upTo(parts.layers), layer),
      ...parts.exit,
    ],
    headWidth: tokenWidth,
    headBias: parts.headBias,
    ...(parts.rotary !== undefined && { rotary: parts.rotary }),
    ...(parts.positions && { positions: parts.positions }),
  });
}
