import { own } from "../config/raw.ts";
import { count, dimension, integer, list, or, reader } from "../config/schema.ts";
import { conv1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { lstm } from "../layers/lstm.ts";
import { contextUpTo } from "../model.ts";
import {
  fastConformer,
  fastConformerGeometry,
  readFastConformer,
} from "../towers/fastconformer.ts";
import { type Module, module } from "../tree/module.ts";
import { type Family, sectionOf } from "./family.ts";

/** ParakeetCTCConfig (transformers 5.18). */
const readCtc = reader(() => ({ vocab_size: or(dimension(), 1025) }));

/** ParakeetRNNTConfig and ParakeetTDTConfig. */
const readTransducer = reader(() => ({
  vocab_size: or(dimension(), 8193),
  decoder_hidden_size: or(dimension(), 640),
  num_decoder_layers: or(count(), 2),
  durations: or(list(integer(0, 1000)), [0, 1, 2, 3, 4]),
}));

/**
 * NVIDIA Parakeet: a FastConformer alone or under a CTC head, or with an LSTM that predicts the next token from the last
 * (RNN transducer; TDT also predicts how far to jump). Source: transformers 5.18, `models/parakeet`.
 */
export const parakeet: Family = {
  name: "parakeet",
  modelTypes: ["parakeet_ctc", "parakeet_rnnt", "parakeet_tdt", "parakeet_encoder"],
  architectures: ["ParakeetForCTC", "ParakeetForRNNT", "ParakeetForTDT", "ParakeetEncoder"],
  purpose: "speech recognition",
  describe(raw, context) {
    const type = own(raw, "model_type");
    if (type === "parakeet_encoder" || context.architecture === "ParakeetEncoder") {
      const config = readFastConformer(raw, context);
      return {
        type: "encoder-only",
        root: fastConformer("", config),
        audio: fastConformerGeometry(config),
        context: contextUpTo(undefined),
      };
    }
    const encoder = readFastConformer(...sectionOf(raw, "encoder_config", context));
    const width = encoder.hidden_size;
    const audio = fastConformerGeometry(encoder);
    if (type !== "parakeet_rnnt" && type !== "parakeet_tdt") {
      const { vocab_size: vocab } = readCtc(raw, context);
      const head: Module = {
        ...conv1d("ctc_head", width, vocab, 1, { class: "ParakeetEncoderCTCHead" }),
        component: "lm_head",
        op: { kind: "head", vocab, positions: "all" },
      };
      return {
        type: "encoder-only",
        root: module(context.architecture, "", [fastConformer("encoder", encoder), head]),
        audio,
        context: contextUpTo(undefined),
      };
    }
    const config = readTransducer(raw, context);
    const jumps = type === "parakeet_tdt" ? config.durations.length : 0;
    return {
      type: "encoder-decoder",
      architecture: type === "parakeet_tdt" ? "ParakeetForTDT" : "ParakeetForRNNT",
      root: module(context.architecture, "", [
        fastConformer("encoder", encoder),
        linear("encoder_projector", width, config.decoder_hidden_size, {
          component: "audio_projector",
        }),
        predictor(config),
        module(
          type === "parakeet_tdt" ? "ParakeetTDTJointNetwork" : "ParakeetRNNTJointNetwork",
          "joint",
          [linear("head", config.decoder_hidden_size, config.vocab_size + jumps)],
          { component: "lm_head" },
        ),
      ]),
      audio,
      context: contextUpTo(undefined),
    };
  },
};

/** What it remembers is a state of fixed size: the LSTM's two and the last output (`ParakeetRNNTDecoderCache`). */
function predictor(config: ReturnType<typeof readTransducer>): Module {
  const { decoder_hidden_size: width, num_decoder_layers: layers } = config;
  return module(
    "ParakeetRNNTDecoder",
    "decoder",
    [
      embedding("embedding", config.vocab_size, width, { component: "embeddings" }),
      lstm("lstm", width, layers),
      linear("decoder_projector", width, width),
    ],
    {
      component: "decoder",
      state: {
        kind: "recurrent",
        parts: [
          { name: "hidden state", shape: [layers, width] },
          { name: "cell state", shape: [layers, width] },
          { name: "last output", shape: [1, width] },
        ],
      },
    },
  );
}
