import { own } from "../config/raw.ts";
import { flag, or, reader } from "../config/schema.ts";
import { InputError, shown } from "../errors.ts";
import { decoderFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** MiniCPMConfig of the published code (`configuration_minicpm.py`); transformers has no class of it. */
const read = reader(() => ({
  ...decoderFields({
    vocab: 32000,
    width: 4096,
    inner: 11008,
    layers: 32,
    heads: 32,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 2048,
    tied: true,
  }),
  attention_bias: or(flag(), false),
}));

/**
 * MiniCPM 1, 2 and 4, dense: Llama with scaled residuals, and tables of cosines and sines of all positions in every layer.
 * Source: OpenBMB's `modeling_minicpm.py`.
 */
export const minicpm = llamaLike({
  name: "minicpm",
  modelTypes: ["minicpm"],
  architectures: ["MiniCPMForCausalLM"],
  purpose: "text generation",
  read,
  habits({ attention_bias: bias, max_position_embeddings: length }, { sizes: { headDim }, raw }) {
    const experts = own(raw, "num_experts");
    if (typeof experts === "number" && experts > 0) {
      throw new InputError(
        "unknown-model-type",
        `num_experts is ${shown(experts)}, but of this model_type only dense models are described: there is nothing to give in its place.`,
        "num_experts",
      );
    }
    const table = (name: string, shape: readonly number[]) =>
      ({ name: `rotary_emb.${name}`, shape, dtype: "fp32", persistent: false }) as const;
    return {
      classes: "MiniCPM",
      bias: { qkv: bias, o: bias },
      rotaryKinds: [],
      attention: {
        buffers: [
          table("inv_freq", [headDim / 2]),
          table("cos_cached", [length, headDim]),
          table("sin_cached", [length, headDim]),
        ],
      },
    };
  },
});
