import { dimension, or, reader } from "../config/schema.ts";
import { speechEncoderFamily } from "./speech-encoder.ts";
import { wav2vec2Body } from "./wav2vec2.ts";

const read = reader(() => ({ num_buckets: or(dimension(), 320) }));

/** WavLM (Chen et al. 2021): gated relative positions. Source: transformers 5.18, `models/wavlm/modeling_wavlm.py`. */
export const wavlm = speechEncoderFamily({
  name: "wavlm",
  classes: "WavLM",
  base: "wavlm",
  purpose: "speech representations, speakers and diarization",
  tasks: [
    "Model",
    "ForCTC",
    "ForSequenceClassification",
    "ForAudioFrameClassification",
    "ForXVector",
  ],
  vocab: 32,
  body: (raw, context) =>
    wav2vec2Body(raw, context, {
      classes: "WavLM",
      adapters: true,
      gatedPositions: { buckets: read(raw, context).num_buckets },
    }),
});
