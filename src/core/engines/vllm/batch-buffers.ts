import { bytesOf } from "../../dtype.ts";
import type { Module } from "../../tree/module.ts";
import type { Setup } from "../engine.ts";
import { innerLevels } from "../transformers/images.ts";
import { towersOf } from "../transformers/tower.ts";

export const BATCH_BUFFER_SOURCE =
  "vLLM, models/gemma3n_mm.py (per_layer_embeddings) and qwen3_vl.py (deepstack_input_embeds): made at load for every token of a batch";

/**
 * What vLLM keeps room for at load, for every token of a batch: inputs that each layer has of its own, and the levels of an
 * image encoder that enter the language model's first layers.
 */
export function batchBufferBytes(tree: Module, maxNumBatchedTokens: number, setup: Setup): number {
  const decoder = towersOf(tree).find(({ op }) => op.side === "decoder");
  if (!decoder) return 0;
  const perToken = (decoder.op.perLayer ?? 0) + innerLevels(tree) * decoder.op.width;
  return maxNumBatchedTokens * perToken * bytesOf(setup.compute);
}
