import { codecGeometry } from "../audio/codec-geometry.ts";
import { within } from "../config/raw.ts";
import { count, dimension, integer, list, or, positions, reader } from "../config/schema.ts";
import { conv1d } from "../layers/conv.ts";
import { embedding } from "../layers/embedding.ts";
import { convTranspose1d } from "../layers/weight-norm-conv.ts";
import { boundedStages, seanetEntry } from "../towers/seanet.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { type CodecReader, codecFamily, powerOfTwo } from "./codec.ts";

/** DacConfig (transformers 5.18): the hidden width, the decoder's ratios and the hop follow from the encoder's fields. */
const read = reader(() => ({
  encoder_hidden_size: or(dimension(), 64),
  downsampling_ratios: or(list(integer(1, 1_000_000)), [2, 4, 8, 8]),
  decoder_hidden_size: or(dimension(), 1536),
  n_codebooks: or(count(), 9),
  codebook_size: or(dimension(), 1024),
  codebook_dim: or(dimension(), 8),
  sampling_rate: or(positions(), 16_000),
}));

const snake = (name: string, width: number): Module =>
  module("Snake1d", name, [], { tensors: [{ name: "alpha", shape: [1, width, 1] }] });

const residualUnits = (width: number): Module[] =>
  ["res_unit1", "res_unit2", "res_unit3"].map((name) =>
    module("DacResidualUnit", name, [
      snake("snake1", width),
      conv1d("conv1", width, width, 7),
      snake("snake2", width),
      conv1d("conv2", width, width, 1),
    ]),
  );

/**
 * Descript's audio codec (Kumar et al. 2023); its weights are stored without weight norm, its codebooks are parameters.
 * Source: `models/dac/modeling_dac.py`.
 */
export const readDac: CodecReader = (raw, context) => {
  const config = read(raw, context);
  const ratios = config.downsampling_ratios;
  boundedStages(
    config.encoder_hidden_size,
    ratios.length,
    within(context.path, "downsampling_ratios"),
  );
  powerOfTwo(config.codebook_size, within(context.path, "codebook_size"));
  const hidden = config.encoder_hidden_size * 2 ** ratios.length;
  const decoderWidth = (stage: number) => Math.floor(config.decoder_hidden_size / 2 ** stage);
  const encoder = module(
    "DacEncoder",
    "encoder",
    [
      conv1d("conv1", 1, config.encoder_hidden_size, 7),
      ...ratios.map((stride, index) => {
        const width = config.encoder_hidden_size * 2 ** index;
        return stack(
          [[index, index]],
          module("DacEncoderBlock", "block", [
            ...residualUnits(width),
            snake("snake1", width),
            conv1d("conv1", width, 2 * width, 2 * stride),
          ]),
        );
      }),
      snake("snake1", hidden),
      conv1d("conv2", hidden, hidden, 3),
    ],
    {
      op: {
        kind: "tower",
        side: "encoder",
        width: hidden,
        entry: {
          ...seanetEntry({
            channels: 1,
            filters: config.encoder_hidden_size,
            ratios: [...ratios].reverse(),
          }),
          // The first block, in its second residual unit: `x + sin(αx)² / α` is computed in steps.
          moments: [
            ["block's input", "unit's input", "convolution", "times its frequencies", "sine"].map(
              (label) => ({ label, steps: [], width: config.encoder_hidden_size }),
            ),
          ],
        },
      },
    },
  );
  const decoder = module("DacDecoder", "decoder", [
    conv1d("conv1", hidden, config.decoder_hidden_size, 7),
    ...[...ratios]
      .reverse()
      .map((stride, index) =>
        stack(
          [[index, index]],
          module("DacDecoderBlock", "block", [
            snake("snake1", decoderWidth(index)),
            convTranspose1d("conv_t1", decoderWidth(index), decoderWidth(index + 1), 2 * stride),
            ...residualUnits(decoderWidth(index + 1)),
          ]),
        ),
      ),
    snake("snake1", decoderWidth(ratios.length)),
    conv1d("conv2", decoderWidth(ratios.length), 1, 7),
  ]);
  const quantizer = module("DacVectorQuantize", "quantizers", [
    conv1d("in_proj", hidden, config.codebook_dim, 1),
    conv1d("out_proj", config.codebook_dim, hidden, 1),
    embedding("codebook", config.codebook_size, config.codebook_dim),
  ]);
  return {
    class: "DacModel",
    children: [
      encoder,
      decoder,
      module("DacResidualVectorQuantizer", "quantizer", [
        stack(upTo(config.n_codebooks), quantizer),
      ]),
    ],
    // The feature extractor pads to a whole hop, and a padded convolution of 2 × stride then leaves ⌈n / stride⌉.
    geometry: codecGeometry({
      sampleRate: config.sampling_rate,
      channels: 1,
      strides: ratios,
    }),
    codebookSize: config.codebook_size,
  };
};

export const dac = codecFamily({
  name: "dac",
  modelTypes: ["dac"],
  architectures: ["DacModel"],
  read: readDac,
});
