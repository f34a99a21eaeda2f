import { count, dimension, or, reader } from "../config/schema.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { ctcHead } from "../towers/speech-heads.ts";
import { speechEncoderFamily } from "./speech-encoder.ts";
import { quantizerOf, wav2vec2Body } from "./wav2vec2.ts";

const readClasses = reader(() => ({ num_ctc_classes: or(dimension(), 80) }));

/** UniSpeech (Wang et al. 2021): pre-trained with CTC too. Source: transformers 5.18, `models/unispeech/modeling_unispeech.py`. */
export const unispeech = speechEncoderFamily({
  name: "unispeech",
  classes: "UniSpeech",
  base: "unispeech",
  purpose: "speech representations and CTC transcription",
  tasks: ["Model", "ForPreTraining", "ForCTC", "ForSequenceClassification"],
  vocab: 32,
  body: (raw, context) => wav2vec2Body(raw, context, { classes: "UniSpeech", bottlenecks: true }),
  pretraining(raw, context, { width, convolutions }) {
    const channels = convolutions?.dims.at(-1) ?? 1;
    const { quantizer, code, projected } = quantizerOf(raw, context, "UniSpeech", channels);
    return {
      parts: [
        quantizer,
        linear("project_q", code, projected),
        linear("project_hid", projected, width),
        ctcHead("ctc_proj", width, readClasses(raw, context).num_ctc_classes),
      ],
    };
  },
});

const readClusters = reader(() => ({ num_clusters: or(count(), 504) }));

/** UniSpeech-SAT (Chen et al. 2021): speaker-aware pre-training. Source: `models/unispeech_sat/modeling_unispeech_sat.py`. */
export const unispeechSat = speechEncoderFamily({
  name: "unispeech-sat",
  classes: "UniSpeechSat",
  base: "unispeech_sat",
  purpose: "speech representations, speakers and diarization",
  tasks: [
    "Model",
    "ForPreTraining",
    "ForCTC",
    "ForSequenceClassification",
    "ForAudioFrameClassification",
    "ForXVector",
  ],
  vocab: 32,
  body: (raw, context) =>
    wav2vec2Body(raw, context, { classes: "UniSpeechSat", bottlenecks: true, alwaysMasks: true }),
  pretraining(raw, context, { width }) {
    const { quantizer, code, projected } = quantizerOf(raw, context, "UniSpeechSat", width);
    return {
      parts: [
        quantizer,
        linear("project_q", code, projected),
        linear("project_hid", width, projected),
        linear("speaker_proj", width, code),
        layerNorm("layer_norm_for_extract", width),
      ],
      tensors: [
        { name: "label_embeddings_concat", shape: [readClusters(raw, context).num_clusters, code] },
      ],
    };
  },
});
