import { bytesOf } from "../../dtype.ts";
import type { Model } from "../../model.ts";
import { times } from "../../quantity/product.ts";
import type { LinePlan, Phase, Setup } from "../engine.ts";

const OBSERVED = "tensors alive in transformers 5.18 under PyTorch 2.13 (docs/engines.md)";

/** Features stay alive until `generate()` returns; a recording of several windows is held whole. */
export function audioInput(model: Model, setup: Setup, phases: readonly Phase[]): LinePlan {
  const sum = [
    [
      times("batch", "sequences"),
      times(model.audio?.bins ?? 1, "mel bins"),
      times("heldFrames", "frames"),
      times(bytesOf(setup.compute), `B ${setup.compute}`),
    ],
    ...(model.audio?.masked
      ? [[times("batch", "sequences"), times("heldFrames", "frames"), times(8, "B of their mask")]]
      : []),
  ];
  return {
    label: "mel input",
    component: "audio_encoder",
    kind: "input",
    basis: "exact",
    source: "the input features stay alive until generate() returns",
    alive: Object.fromEntries(phases.map((phase) => [phase, { sum }])),
  };
}

/** Token ids and attention mask, 8 bytes each; decoding makes both anew at every step beside the prompt's own. */
export function tokenIds(waiting: boolean): LinePlan {
  const ids = (length: "prompt" | "cached") => [
    times("decoded", "sequences"),
    times(length, "tokens"),
    times(16, "B of id and mask"),
  ];
  return {
    label: "token ids and mask",
    component: "runtime",
    kind: "activation",
    basis: "rule",
    source: OBSERVED,
    alive: {
      ...(waiting && { encode: { sum: [ids("prompt")] } }),
      prefill: { sum: [ids("prompt")] },
      decode: { sum: [ids("prompt"), ids("cached")] },
    },
  };
}

/** What a text encoder reads: ids and attention mask stay alive until `generate()` returns. */
export function encoderIds(decodes: boolean): LinePlan {
  const sum = [
    [times("batch", "sequences"), times("positions", "tokens"), times(16, "B of id and mask")],
  ];
  return {
    label: "encoder's token ids and mask",
    component: "runtime",
    kind: "input",
    basis: "rule",
    source: OBSERVED,
    alive: { encode: { sum }, ...(decodes && { prefill: { sum }, decode: { sum } }) },
  };
}
