import { count, or, reader } from "../config/schema.ts";
import { POST_NORMS } from "../towers/causal-lm.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields, slidingBy, slidingFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** Exaone4Config (transformers 5.18). Published configs spell the pattern out in `layer_types`. */
const read = reader(() => ({
  ...decoderFields({
    vocab: 102400,
    width: 4096,
    inner: 16384,
    layers: 32,
    heads: 32,
    kvHeads: 32,
    headDim: "width/heads",
    maxPositions: 2048,
    tied: false,
  }),
  ...slidingFields(4096),
}));
const readPattern = reader(() => ({ sliding_window_pattern: or(count(), 4) }));

/** EXAONE 4: norms after attention and feed-forward, and on each head. Source: `models/exaone4/modeling_exaone4.py`. */
export const exaone4 = llamaLike({
  name: "exaone4",
  modelTypes: ["exaone4"],
  architectures: ["Exaone4ForCausalLM"],
  purpose: "text generation",
  read,
  habits: ({ layer_types: types, sliding_window: window }, { sizes, raw, context }) => {
    // A pattern may be a word ("LLLG"), but only beside `layer_types`.
    const pattern = types || window === null ? 1 : readPattern(raw, context).sliding_window_pattern;
    return {
      classes: "Exaone4",
      normedHeads: true,
      norms: POST_NORMS,
      variants: slidingVariants(
        sizes.layers,
        window,
        slidingBy(types, (index) => (index + 1) % pattern !== 0),
      ),
    };
  },
});
