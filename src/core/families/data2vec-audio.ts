import { within } from "../config/raw.ts";
import { count, dimension, or, reader } from "../config/schema.ts";
import { conv1d } from "../layers/conv.ts";
import { evenGroups, featureProjection, speechEncoder } from "../towers/wav2vec2.ts";
import {
  convolutionEntry,
  featureEncoder,
  sampleConvolutions,
} from "../towers/wav2vec2-features.ts";
import { evenHeads } from "../towers/whisper.ts";
import { upTo } from "../tree/indices.ts";
import { module, stack } from "../tree/module.ts";
import { maskVector, speechEncoderFamily, speechFields } from "./speech-encoder.ts";
import { adapterOf } from "./wav2vec2.ts";

/** Data2VecAudioConfig (transformers 5.18): here `num_conv_pos_embeddings` counts convolutions, it is no kernel. */
const read = reader(() => {
  const { feat_extract_norm: _, ...shared } = speechFields();
  return {
    ...shared,
    conv_pos_kernel_size: or(dimension(), 19),
    num_conv_pos_embeddings: or(count(), 5),
  };
});

/** data2vec audio (Baevski et al. 2022). Source: transformers 5.18, `models/data2vec/modeling_data2vec_audio.py`. */
export const data2vecAudio = speechEncoderFamily({
  name: "data2vec-audio",
  classes: "Data2VecAudio",
  base: "data2vec_audio",
  purpose: "speech representations and CTC transcription",
  tasks: [
    "Model",
    "ForCTC",
    "ForSequenceClassification",
    "ForAudioFrameClassification",
    "ForXVector",
  ],
  vocab: 32,
  body(raw, context) {
    const config = read(raw, context);
    const field = (name: string) => within(context.path, name);
    const { hidden_size: width, num_attention_heads: heads, num_hidden_layers: layers } = config;
    const groups = config.num_conv_pos_embedding_groups;
    evenHeads(width, heads, field("hidden_size"), field("num_attention_heads"));
    evenGroups(width, groups, field);
    const convolutions = sampleConvolutions({ ...config, feat_extract_norm: "layer" }, field);
    const adapter = adapterOf(raw, context, "Data2VecAudio", width);
    // Its norm has neither scale nor shift.
    const position = module("Data2VecAudioPositionalConvLayer", "layers", [
      conv1d("conv", width, width, config.conv_pos_kernel_size, { groups }),
    ]);
    return {
      children: [
        featureEncoder(
          "Data2VecAudio",
          "feature_extractor",
          convolutions,
          "Data2VecAudioConvLayer",
        ),
        featureProjection("Data2VecAudio", convolutions.dims.at(-1) ?? 1, width),
        speechEncoder(
          "Data2VecAudio",
          { width, inner: config.intermediate_size, layers, heads },
          { stable: false },
          module("Data2VecAudioPositionalConvEmbedding", "pos_conv_embed", [
            stack(upTo(config.num_conv_pos_embeddings), position),
          ]),
          convolutionEntry(convolutions),
        ),
        adapter?.module,
      ],
      tensors: maskVector(raw, context, width),
      convolutions,
      width,
      layers,
      ...(adapter && { adapted: adapter.outputs }),
    };
  },
});
