import { HOP, whisperGeometry } from "../audio/whisper-geometry.ts";
import { count, dimension, flag, or, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { rmsNorm } from "../layers/norm.ts";
import { vqAdaptor } from "../layers/vq-adaptor.ts";
import { contextUpTo } from "../model.ts";
import { causalLm, STANDALONE } from "../towers/causal-lm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module } from "../tree/module.ts";
import { decoderFields, decoderSizes } from "./decoder-config.ts";
import { type Family, statedDtype } from "./family.ts";

/** KimiAudioConfig (moonshotai/Kimi-Audio, `configuration_moonshot_kimia.py`). */
const read = reader(() => ({
  ...decoderFields({
    vocab: 163840,
    width: 4096,
    inner: 11008,
    layers: 32,
    heads: 32,
    kvHeads: "heads",
    headDim: "width/heads",
    maxPositions: 32768,
    tied: false,
  }),
  kimia_mimo_layers: or(count(0), 6),
  kimia_adaptor_input_dim: or(dimension(), 5120),
  use_whisper_feature: or(flag(), true),
}));

/** The Whisper beside the checkpoint: large-v3 (128 mel bins, 1500 positions). */
const BINS = 128;
const POSITIONS = 1500;

/**
 * Kimi-Audio: a Qwen2 that reads audio tokens with Whisper's features added, and from whose middle further layers branch
 * off to write audio tokens, with caches and a head of their own.
 * Source: moonshotai/Kimi-Audio-7B-Instruct, `modeling_moonshot_kimia.py`.
 */
export const kimiAudio: Family = {
  name: "kimi_audio",
  modelTypes: ["kimi_audio"],
  architectures: ["MoonshotKimiaForCausalLM"],
  purpose: "speech in, speech and text out",
  describe(raw, context) {
    const config = read(raw, context);
    // Attention here knows no head_dim of its own.
    const sizes = decoderSizes(
      { ...config, head_dim: undefined, tie_word_embeddings: false },
      context,
    );
    const { backbone, head } = causalLm(sizes, { classes: "Qwen2", bias: { qkv: true } });
    const layers = backbone.children.filter(({ name }) => name === "layers").map(moonshot);
    const others = backbone.children.filter(({ name }) => name !== "layers");
    const mimo = config.kimia_mimo_layers;
    context.assumptions.add(
      "The Whisper encoder, the audio tokenizer, the detokenizer and the vocoder lie in folders of their own: they are not counted.",
    );
    return {
      type: "audio-llm",
      root: module(context.architecture, "", [
        {
          ...backbone,
          class: "MoonshotKimiaModel",
          name: STANDALONE.backbone,
          children: [
            ...others.slice(0, 1),
            ...layers,
            ...others.slice(1),
            ...(mimo > 0
              ? layers.map((layer) => ({ ...layer, name: "mimo_layers", indices: upTo(mimo) }))
              : []),
            rmsNorm("mimo_norm", sizes.width, "Qwen2RMSNorm"),
            ...(config.use_whisper_feature
              ? [
                  vqAdaptor("vq_adaptor", config.kimia_adaptor_input_dim, sizes.width, [
                    "0",
                    "3",
                    "4",
                  ]),
                ]
              : []),
          ],
        },
        head,
        linear("mimo_output", sizes.width, sizes.vocab, {
          bias: false,
          component: "lm_head",
          divide: { by: "columns" },
        }),
      ]),
      dtype: statedDtype(raw),
      // Four of Whisper's positions make one, which is added to the embedding of one audio token of 80 ms.
      audio: {
        ...whisperGeometry(
          BINS,
          POSITIONS,
          { padded: true, tokensFromPadding: false, longer: "sequential" },
          [{ kind: "ceil", by: 4 }],
        ),
        framing: [{ kind: "ceil", by: HOP }],
        profiled: { limit: 1 },
      },
      context: contextUpTo(config.max_position_embeddings),
    };
  },
};

/** The same layers under the reference's class names. */
const moonshot = (layer: Module): Module => ({
  ...layer,
  class: "MoonshotDecoderLayer",
  children: layer.children.map((child) =>
    child.name === "self_attn" ? { ...child, class: "MoonshotAttention" } : child,
  ),
});
