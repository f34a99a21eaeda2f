import { flag, or, reader } from "../config/schema.ts";
import { speechEncoderFamily } from "./speech-encoder.ts";
import { wav2vec2Body } from "./wav2vec2.ts";

const read = reader(() => ({
  feat_proj_layer_norm: or(flag(), true),
  conv_pos_batch_norm: or(flag(), false),
}));

/** HuBERT (Hsu et al. 2021). Source: transformers 5.18, `models/hubert/modeling_hubert.py`. */
export const hubert = speechEncoderFamily({
  name: "hubert",
  classes: "Hubert",
  base: "hubert",
  purpose: "speech representations and CTC transcription",
  tasks: ["Model", "ForCTC", "ForSequenceClassification"],
  vocab: 32,
  body(raw, context) {
    const { feat_proj_layer_norm, conv_pos_batch_norm } = read(raw, context);
    return wav2vec2Body(raw, context, {
      classes: "Hubert",
      bottlenecks: true,
      unnormedProjection: !feat_proj_layer_norm,
      batchNormedPositions: conv_pos_batch_norm,
    });
  },
});
