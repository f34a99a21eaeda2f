import { decimal, flag, or, orNull, reader } from "../config/schema.ts";
import { rmsNormFp32 } from "../layers/norm.ts";
import { SANDWICH_NORMS } from "../towers/causal-lm.ts";
import { slidingVariants } from "../towers/layer-variants.ts";
import { decoderFields, slidingBy, slidingFields } from "./decoder-config.ts";
import { llamaLike } from "./decoder-only.ts";

/** Gemma2Config and VaultGemmaConfig (transformers 5.18). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 256000,
    width: 2304,
    inner: 9216,
    layers: 26,
    heads: 8,
    kvHeads: 4,
    headDim: 256,
    maxPositions: 8192,
    tied: true,
  }),
  attention_bias: or(flag(), false),
  ...slidingFields(4096),
  final_logit_softcapping: or(orNull(decimal()), 30),
}));

/** Every second layer slides, the first one included. */
const gemma = (name: string, classes: string, norms: readonly string[]) =>
  llamaLike({
    name,
    modelTypes: [name],
    architectures: [`${classes}ForCausalLM`],
    purpose: "text generation",
    read,
    habits: (
      {
        attention_bias: bias,
        layer_types: types,
        sliding_window: window,
        final_logit_softcapping: capped,
      },
      { sizes },
    ) => ({
      classes,
      cappedLogits: capped !== null,
      norm: (name, width) => rmsNormFp32(name, width, `${classes}RMSNorm`),
      bias: { qkv: bias, o: bias },
      norms,
      scaledEmbedding: true,
      variants: slidingVariants(
        sizes.layers,
        window,
        slidingBy(types, (index) => index % 2 === 0),
      ),
    }),
  });

/** Gemma 2. Source: `models/gemma2/modeling_gemma2.py`. */
export const gemma2 = gemma("gemma2", "Gemma2", SANDWICH_NORMS);

/** VaultGemma: Gemma 2 with norms before each block only. Source: `models/vaultgemma/modeling_vaultgemma.py`. */
export const vaultGemma = gemma("vaultgemma", "VaultGemma", [
  "input_layernorm",
  "pre_feedforward_layernorm",
]);
