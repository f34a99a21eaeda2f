import type { Step } from "../step.ts";

/** Which positions a query may see: decides how memory grows with the length of the audio or the text. */
export type Span =
  /** Every position: scores grow with the square of the length. */
  | { readonly kind: "full" }
  /** Every earlier position. */
  | { readonly kind: "causal" }
  /** The last `size` positions. */
  | { readonly kind: "window"; readonly size: number; readonly causal: boolean }
  /** Blocks of `size` positions that do not see each other. */
  | {
      readonly kind: "chunk";
      readonly size: number;
      readonly causal: boolean;
      /** The blocks are folded into the batch, or run one by one, so that scores across them never exist. */
      readonly folded?: true | "one by one";
    };

/**
 * How the reference implementation computes eager attention, because it decides how many score buffers live at once:
 * - "scaled-copy": `matmul * scaling`, softmax in the model's dtype (Whisper, BART, wav2vec2);
 * - "fp32-softmax": mask added, softmax in fp32, cast back (Llama and its many descendants);
 * - "fp32-softmax-of-named": the same, and the scores without the mask keep a name (BLOOM);
 * - "plain-softmax": scores, their sum with the mask, and softmax, all in the model's dtype (Falcon);
 * - "fp32": queries and keys as fp32 copies, and so are the scores (GPT-J).
 */
export type ScoreStyle =
  | "scaled-copy"
  | "fp32-softmax"
  | "fp32-softmax-of-named"
  | "plain-softmax"
  | "fp32";

/**
 * What a module does when it runs, as far as memory cares. Engines decide what that holds; the tree only says what it is.
 * Widths and head counts are per token; child names are those of the module itself.
 */
export type Op =
  | { readonly kind: "embedding"; readonly width: number }
  | NormOp
  /** `reads`: it runs over the encoder's positions, in a decoder that attends to them. */
  | { readonly kind: "linear"; readonly width: number; readonly reads?: "memory" }
  | AttentionOp
  | FeedForwardOp
  | ExpertsOp
  | ScanOp
  | StateSpaceDualOp
  | DeltaRuleOp
  /** Residual blocks, in the order in which they run; each block's norm comes before it unless `norms` says after. */
  | {
      readonly kind: "layer";
      readonly width: number;
      readonly blocks: readonly Block[];
      readonly norms?: "before" | "after";
      /** Hidden states run between layers in fp32: whatever the model's dtype, or where it is fp16. */
      readonly residual?: "fp32" | "fp32 for fp16";
      /** Hidden states of the first block that keep a name while the later ones run: its result, or its norm's too. */
      readonly keepsFirst?: number;
      /** What passes a dropout when it trains, by the config's probabilities. */
      readonly dropout?: Dropout;
      /** Hidden states that stay referenced while its blocks run, besides the usual ones (input, residual, norm). */
      readonly keeps?: number;
    }
  /** Maps encoder positions to the language model's width: one matrix after the other, by output width. */
  | {
      readonly kind: "projector";
      readonly widths: readonly number[];
      /** Of inner layers' outputs, which enter the language model's first layers (deepstack). */
      readonly inner?: true;
    }
  /** Puts encoded audio or images in the place of their placeholder tokens. */
  | MergeOp
  /** Output logits, for every position of the prompt or only for the last one. */
  | HeadOp
  /** A whole stack with its entry and exit. */
  | {
      readonly kind: "tower";
      readonly side: Side;
      readonly width: number;
      /** Hidden states that the tower's frame keeps besides the running layer's input: the embedded input, by default one. */
      readonly held?: number;
      /** Widths of other hidden states that stay referenced beside those: the normed features before their projection. */
      readonly beside?: readonly number[];
      /** Learned positions stay beside the embedded tokens they were added to: of each sequence, or once for all. */
      readonly positions?: "each" | "once";
      /** Its frame keeps the encoder's output as projected to this width. */
      readonly memoryWidth?: number;
      /** Width of the rotary cosines and sines that are made once for all layers. */
      readonly rotary?: number;
      /** Values that all layers together take in of each token besides the hidden state (Gemma 3n's per-layer inputs). */
      readonly perLayer?: number;
      /** Positions of time, height and width turn sections of it (M-RoPE). */
      readonly sectioned?: true;
      /**
       * vLLM runs the reference's own module for it, whole on every tensor-parallel rank: still, or before the minor version
       * that brought one of its own (`{ before: 16 }`: up to v0.15).
       */
      readonly servedWhole?: boolean | { readonly before: number };
      /** From frames to the positions that it runs over, where they are not those that it hands on. */
      readonly runsOver?: readonly Step[];
      /** It reads text, and does not run when audio comes in; or images, which have lengths of their own. */
      readonly reads?: "text" | "images";
      /** Hidden states that it hands on for as long as its output lives; by default the last one. */
      readonly handsOn?: number;
      /** It hands on vectors of this width instead, one for every image feature, or position that is attended to. */
      readonly handsOnWidth?: number;
      /** The pixels of all tiles are joined anew for it. */
      readonly joins?: true;
      /** The rotary cosines and sines are fp32, whatever the model's dtype. */
      readonly rotaryIn?: "fp32";
      /** Tensors of other lengths that its frame keeps: copies of the features. */
      readonly maps?: readonly FeatureMap[];
      /** What turns features into the first hidden state. */
      readonly entry?: ConvFrontEnd;
    };

/** What passes a dropout in training: each block's result, the inner values of a feed-forward, the attention scores. */
export interface Dropout {
  readonly hidden: boolean;
  readonly inner: boolean;
  readonly scores: boolean;
}

export interface NormOp {
  readonly kind: "norm";
  readonly width: number;
  /** How many vectors of that width it norms at every position (heads); one by default. */
  readonly vectors?: number;
  /**
   * Which copies of its input the way back needs, by how the reference writes it: the input (one fused operator), an fp32 copy
   * (Llama), that twice because the weight is applied in fp32 too (Gemma), or both input and fp32 copy (T5).
   */
  readonly keeps?: "input" | "fp32" | "fp32-twice" | "input-and-fp32";
}

export interface HeadOp {
  readonly kind: "head";
  readonly vocab: number;
  readonly positions: "all" | "last";
  /** Dtype in which the loss is computed; fp32 by default where the forward takes `logits_to_keep` (`ForCausalLMLoss`), else the model's. */
  readonly loss?: "fp32" | "model";
  /** Logits go through a tanh (`final_logit_softcapping`), whose result the way back needs. */
  readonly capped?: true;
  /** Something is added to them or scales them, which makes a second tensor. */
  readonly copied?: true;
}

export interface AttentionOp {
  readonly kind: "attention";
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly valueDim: number;
  readonly over: "self" | "cross";
  readonly span: Span;
  readonly scores: ScoreStyle;
  /** How relative positions enter the scores, where they do: heads × queries × keys then exist under any kernel. */
  readonly relative?: RelativePositions;
  /** The reference computes it in plain steps, or by SDPA's plain fp32 kernel, whatever is asked for. */
  readonly always?: "eager" | "math";
  /** Queries, keys and values are padded to this head width before they meet. */
  readonly paddedDim?: number;
  /** Keys and values come out of one compressed vector, which is what is kept: values of a key that are not rotated. */
  readonly latent?: { readonly unrotated: number };
  /** A learned score beside those of the keys, for every head: attention to nothing. */
  readonly sinks?: true;
  /** One matrix makes queries, keys and values: its output stays while they are used, as views or turned into new ones. */
  readonly fused?: true;
  /** SDPA is handed fewer key heads than query heads without being told of groups: only its plain fp32 kernel spreads them. */
  readonly ungrouped?: true;
  /** Values of a head that are turned: its own frame cuts queries and keys in two for it, so that the uncut ones stay. */
  readonly sliced?: number;
  /** Queries and keys are turned in fp32: as copies that keep a name, or in passing. */
  readonly turns?: "fp32 copies" | "fp32";
  /** Sequences that lie behind each other in one row are attended to one at a time, or together under a mask of blocks. */
  readonly packed?: "one by one" | "masked";
  /** Every sequence has a mask of all pairs of its positions, in the model's dtype. */
  readonly masked?: true;
  /** Queries are laid out head by head before they meet keys, and so is the flash kernel's result, which is copied back. */
  readonly contiguous?: true;
  /** It returns no attention weights, so that its layer keeps none; or the stack's frame keeps them until the next layer's come. */
  readonly returns?: "nothing" | "to the stack";
}

/**
 * - "bias": a number for every head, query and key, looked up once and kept for all layers (T5);
 * - "gated-bias": the same, repeated for every sequence and multiplied by gates of each layer's queries (WavLM);
 * - "keys": a vector for every query and key, by which the queries are multiplied (Shaw): looked up once for all layers
 *   (`shared`) or in every layer; `masked`: in the attention's own frame, which adds a mask of chunks to them;
 * - "sines": Transformer-XL's, whose scores over 2n − 1 distances are shifted into place (twice their size for a moment).
 */
export type RelativePositions =
  | { readonly kind: "bias" | "gated-bias" }
  | { readonly kind: "keys"; readonly shared: boolean; readonly masked?: true }
  | { readonly kind: "sines" };

export interface FeedForwardOp {
  readonly kind: "feed-forward";
  readonly width: number;
  readonly inner: number;
  readonly gated: boolean;
  /** The activation multiplies by the sigmoid of a scaled copy, which lives beside it (quick GELU). */
  readonly quick?: true;
  /**
   * What the activation's gradient is computed from: its result (a rectifier), three tensors besides its input (GELU by tanh in
   * plain steps: transformers' NewGELUActivation), or its input alone, which is the default.
   */
  readonly gradient?: "relu" | "written-out";
  /** What the gate was made of stays referenced: half of one matrix's output, or a variable of its own. */
  readonly keepsGate?: true;
  /** Its last matrix stays in fp32 when the rest is loaded in fp16, so that what it reads is copied. */
  readonly last?: "fp32 for fp16";
  /** What it reads loses its name once the first matrix has run. */
  readonly rebinds?: true;
  /** Tensors of the inner width that the activation holds at once, its input included; two (input and result) unless stated. */
  readonly activation?: number;
}

/** A routed mixture of gated feed-forwards: each token goes through `perToken` of `experts`. */
export interface ExpertsOp {
  readonly kind: "experts";
  readonly width: number;
  readonly inner: number;
  readonly experts: number;
  readonly perToken: number;
  /** Each matrix has a bias, and gate and value are cut off at a limit: more copies of what is inside (gpt-oss). */
  readonly clamped?: true;
  /** Every token is repeated for every expert, and counts where it was chosen (Llama 4). */
  readonly everywhere?: true;
  /** A shared expert has run before them, and its result waits. */
  readonly sharedFirst?: true;
  /** The weights of a token's experts stay in fp32, and so does what is multiplied by them. */
  readonly weights?: "fp32";
}

/** Mamba's selective scan: every channel keeps a state of `state` numbers. */
export interface ScanOp {
  readonly kind: "scan";
  readonly width: number;
  readonly inner: number;
  readonly state: number;
}

/** Mamba 2's scan in chunks: one decay a head. */
export interface StateSpaceDualOp {
  readonly kind: "state-space-dual";
  readonly width: number;
  readonly heads: number;
  readonly headDim: number;
  readonly state: number;
  /** Positions that are computed as one block. */
  readonly chunk: number;
  /** Widths of the projection in and of what is convolved. */
  readonly projected: number;
  readonly convolved: number;
}

/** The gated delta rule in chunks: a matrix of keys × values for every head. */
export interface DeltaRuleOp {
  readonly kind: "delta-rule";
  readonly width: number;
  readonly heads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  readonly chunk: number;
  /** Width of what one matrix makes of the input, where it stays. */
  readonly projected?: number;
  readonly convolved: number;
}

/** How a composite model's forward puts encoded features among the token embeddings. */
export interface MergeOp {
  readonly kind: "merge";
  /** Whether it selects the placeholders' embeddings first, only to compare shapes (`inputs_embeds[mask]`). */
  readonly checked: boolean;
  /** Widths of what exists of the prompt while the features are encoded, where it is not its embeddings alone. */
  readonly waits?: readonly number[];
  /** Whether the features stay referenced until the forward returns (it returns them). */
  readonly kept: boolean;
  /**
   * Images are encoded by `generate()` before the prompt is embedded, and what comes out stays until it returns; features
   * that are joined anew for the merge are there twice during the prefill (`"copied"`). Undefined: within the forward.
   */
  readonly images?: "first" | "copied";
  /** The same forward calls the head, so that the merged embeddings stay for it. */
  readonly embedsStay?: true;
}

/** Strided convolutions over mel frames (Whisper's two) or raw samples: each output is `stride` times shorter than its input. */
export interface ConvFrontEnd {
  readonly kind: "conv-front-end";
  readonly bins: number;
  readonly width: number;
  readonly strides: readonly number[];
  /** Channels of each convolution's output, where they are not all `width`. */
  readonly widths?: readonly number[];
  /** What the way back needs of it, where it is not a convolution's output and its activation. */
  readonly keeps?: readonly FeatureMap[];
  /** Training: a gradient is asked for at its input, whatever learns. */
  readonly alwaysLearns?: true;
  /** Its convolutions are checkpointed as layers are: then what comes out of each is kept. */
  readonly checkpointed?: true;
  /** What lives at each moment, where it is not a convolution's output and its activation. */
  readonly moments?: readonly (readonly FeatureMap[])[];
}

/** A tensor of a front end: channels × bins for every frame that `steps` leave of the input's. */
export interface FeatureMap {
  readonly label: string;
  readonly steps: readonly Step[];
  readonly width: number;
  /** One for all sequences: a weight that is computed anew. */
  readonly once?: true;
  /** It only exists in half precision, as a copy. */
  readonly only?: "half";
  /** Bytes of an element, where they are not those of the model's dtype. */
  readonly bytes?: number;
}

/** One residual block of a layer: a norm, then a child (by name) or an operation over children that lie in the layer itself. */
export interface Block {
  readonly run: string | FeedForwardOp;
}

/** Which sequence a tower runs over: encoders run once per request, decoders at prefill and at every step. */
export type Side = "encoder" | "decoder";
