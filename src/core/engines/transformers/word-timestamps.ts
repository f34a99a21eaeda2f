import { bytesOf } from "../../dtype.ts";
import { times } from "../../quantity/product.ts";
import { walk } from "../../tree/walk.ts";
import type { LinePlan, Setup } from "../engine.ts";
import type { Tower } from "./tower.ts";

/**
 * Aligning words needs the cross-attention, so `generate()` turns `output_attentions` on for the whole model: the maps of
 * every encoder layer (positions × positions) are kept too, and one row of cross-attention per layer and generated token.
 */
export function keptAttention(towers: readonly Tower[], setup: Setup): LinePlan[] {
  const size = times(bytesOf(setup.compute), `B ${setup.compute}`);
  const lines: LinePlan[] = [];
  for (const { module, op: tower, component } of towers) {
    if (tower.reads === "images") continue;
    walk(module, ({ op, state }, { copies }) => {
      if (op?.kind !== "attention") return;
      const layers = times(copies, "layers");
      const heads = times(Math.ceil(op.heads / setup.tensorParallel), "heads");
      if (tower.side === "encoder" && op.over === "self") {
        const sum = [
          [
            layers,
            times("batch", "sequences"),
            heads,
            times("positions", "positions"),
            times("positions", "positions"),
            size,
          ],
        ];
        lines.push(
          kept("encoder attention maps", component, { prefill: { sum }, decode: { sum } }),
        );
      }
      if (op.over === "cross" && state) {
        const sum = [
          [
            layers,
            times("decoded", "sequences"),
            heads,
            times("cached", "tokens"),
            times("memory", "encoder positions"),
            size,
          ],
        ];
        lines.push(kept("cross-attention maps", component, { decode: { sum } }));
      }
    });
  }
  return lines;
}

const kept = (
  label: string,
  component: LinePlan["component"],
  alive: LinePlan["alive"],
): LinePlan => ({
  label,
  component,
  kind: "activation",
  basis: "rule",
  source: "return_token_timestamps sets output_attentions (transformers, generation_whisper.py)",
  alive,
});
