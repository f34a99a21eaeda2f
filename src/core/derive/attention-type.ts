import type { Module } from "../tree/module.ts";
import { walk } from "../tree/walk.ts";

/**
 * How queries share keys and values: each head its own (mha), groups of heads (gqa), all heads one (mqa), one latent
 * vector for all (mla), or no attention over the past at all (none).
 */
export type AttentionType = "mha" | "gqa" | "mqa" | "mla" | "none";

/** The attention of the part that generates; of the encoder where nothing does. */
export function attentionType(root: Module): AttentionType {
  let cached: AttentionType | undefined;
  let any: AttentionType | undefined;
  walk(root, ({ op, state }) => {
    if (state?.kind === "latent") cached ??= "mla";
    if (op?.kind !== "attention" || op.over !== "self") return;
    const type = op.kvHeads === op.heads ? "mha" : op.kvHeads === 1 ? "mqa" : "gqa";
    any ??= type;
    if (state?.kind === "kv") cached ??= type;
  });
  return cached ?? any ?? "none";
}
