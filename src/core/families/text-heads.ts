import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { type Module, module } from "../tree/module.ts";
import { vocabularyHead } from "./text-encoder.ts";

/** RoBERTa's classifier: a matrix of the model's width before the scores. */
export const denseClassifier = (className: string, width: number, labels: number): Module =>
  module(
    className,
    "classifier",
    [linear("dense", width, width), linear("out_proj", width, labels)],
    { component: "lm_head" },
  );

/**
 * RoBERTa's head over the vocabulary, with a bias that it owns itself.
 * @param table full name of the token table that the matrix shares; undefined: its own, or shared the other way.
 */
export const robertaHead = (
  className: string,
  width: number,
  vocab: number,
  tied: boolean,
  table: string | undefined,
): Module =>
  module(
    className,
    "lm_head",
    [
      linear("dense", width, width),
      layerNorm("layer_norm", width),
      vocabularyHead(
        "decoder",
        width,
        vocab,
        tied ? { bias: "lm_head.bias", weight: table } : {},
        tied ? { component: "embeddings" } : {},
      ),
    ],
    { component: "lm_head", tensors: [{ name: "bias", shape: [vocab] }] },
  );

/** BERT's head over the vocabulary, inside `cls`: a matrix, a norm, and scores with a bias that the head owns. */
export const bertPredictions = (
  classes: string,
  width: number,
  vocab: number,
  table: string | undefined,
  norm = "LayerNorm",
): Module =>
  module(
    `${classes}LMPredictionHead`,
    "predictions",
    [
      module(`${classes}PredictionHeadTransform`, "transform", [
        linear("dense", width, width),
        layerNorm(norm, width),
      ]),
      vocabularyHead(
        "decoder",
        width,
        vocab,
        table === undefined ? {} : { weight: table, bias: "cls.predictions.bias" },
      ),
    ],
    { tensors: [{ name: "bias", shape: [vocab] }] },
  );

/** The module that holds BERT's pre-training heads. */
export const bertHeads = (className: string, parts: readonly Module[]): Module =>
  module(className, "cls", parts, { component: "text_model" });
