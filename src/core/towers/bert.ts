import { attention } from "../layers/attention.ts";
import { embedding } from "../layers/embedding.ts";
import { linear } from "../layers/linear.ts";
import { layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Component, type Module, module, stack } from "../tree/module.ts";
import type { AttentionOp, Dropout, Op, ScoreStyle, Span } from "../tree/op.ts";
import type { DeviceBuffer, Tensor } from "../tree/tensor.ts";

const PROJECTIONS = [
  ["q", "query"],
  ["k", "key"],
  ["v", "value"],
] as const;

export interface BertLayerOptions {
  /** Prefix of the class names: "Bert", "Roberta", "ClapText". */
  readonly classes: string;
  readonly width: number;
  readonly inner: number;
  readonly heads: number;
  readonly scores: ScoreStyle;
  /** Class of the module that scores, where it is not `<classes>SelfAttention`. */
  readonly selfClass?: string;
  readonly names?: readonly (readonly ["q" | "k" | "v", string])[];
  readonly bias?: boolean;
  /** Modules and tensors of the scoring module besides its projections (relative positions). */
  readonly extra?: readonly Module[];
  readonly tensors?: readonly Tensor[];
  readonly buffers?: readonly DeviceBuffer[];
  readonly attention?: Pick<AttentionOp, "always" | "returns" | "relative">;
  readonly dropout?: Dropout;
  /** How many positions see each other, where it is not all of them. */
  readonly chunk?: number;
  /** What a position sees, where it is neither everything nor a chunk. */
  readonly span?: Span;
  /** Hidden states that the layer keeps besides the usual ones. */
  readonly keeps?: number;
  /** "after": norms lie in the two output modules (BERT); "before": they are the caller's. */
  readonly norms: "before" | "after";
}

/** Attention in two modules, as BERT splits it: `self` scores, `output` projects and, in BERT itself, norms. */
export function splitAttention(options: BertLayerOptions): Module {
  const { classes, width, heads, names = PROJECTIONS, bias = true, chunk } = options;
  const { op, ...self } = attention(options.selfClass ?? `${classes}SelfAttention`, "self", {
    width,
    heads,
    names,
    bias,
    span:
      chunk === undefined
        ? (options.span ?? { kind: "full" })
        : { kind: "chunk", size: chunk, causal: false, folded: true },
    scores: options.scores,
    cached: false,
    extra: options.extra ?? [],
  });
  return module(
    `${classes}Attention`,
    "attention",
    [
      {
        ...self,
        tensors: options.tensors ?? [],
        ...(options.buffers && { buffers: options.buffers }),
      },
      module(`${classes}SelfOutput`, "output", [
        linear("dense", width, width, { divide: { by: "rows", units: heads } }),
        options.norms === "after" ? layerNorm("LayerNorm", width) : undefined,
      ]),
    ],
    op?.kind === "attention" ? { op: { ...op, ...options.attention } } : {},
  );
}

/** The feed-forward's two modules, siblings of the attention. */
export function splitFeedForward(options: BertLayerOptions): Module[] {
  const { classes, width, inner, norms } = options;
  return [
    module(`${classes}Intermediate`, "intermediate", [
      linear("dense", width, inner, { divide: { by: "columns" } }),
    ]),
    module(`${classes}Output`, "output", [
      linear("dense", inner, width, { divide: { by: "rows" } }),
      norms === "after" ? layerNorm("LayerNorm", width) : undefined,
    ]),
  ];
}

/** What such a layer does, wherever its norms are. */
export const splitLayerOp = ({ width, inner, norms, keeps, dropout }: BertLayerOptions): Op => ({
  kind: "layer",
  width,
  blocks: [{ run: "attention" }, { run: { kind: "feed-forward", width, inner, gated: false } }],
  norms,
  ...(keeps !== undefined && { keeps }),
  ...(dropout && { dropout }),
});

/** One layer of BERT (Devlin et al. 2018), norms after each block. */
export const bertLayer = (options: BertLayerOptions): Module =>
  module(
    `${options.classes}Layer`,
    "layer",
    [splitAttention(options), ...splitFeedForward(options)],
    { op: splitLayerOp(options) },
  );

export interface BertSizes {
  readonly vocab: number;
  readonly width: number;
  readonly inner: number;
  readonly layers: number;
  readonly heads: number;
  readonly positions: number;
  readonly types: number;
  /** Width of the tables, where a projection after them brings them to the layers' (ELECTRA). */
  readonly embedded?: number;
  readonly dropout?: Dropout;
}

export interface BertHabits {
  readonly classes: string;
  readonly name: string;
  readonly component: Component;
  /** Component of the word table, where it is another. */
  readonly words?: Component;
  /** Full name of the matrix that the word table shares, where that comes first (XLM-RoBERTa's head). */
  readonly wordsTiedTo?: string | undefined;
  /** A matrix over the first token's state, for classification. */
  readonly pooled: boolean;
  /** Whether the position table comes after the norm (RoBERTa and its descendants) or before the type table. */
  readonly positionsLast: boolean;
  /** Whether the checkpoint stores the tables of position and type indices. */
  readonly storedIndices: boolean;
  readonly scores: ScoreStyle;
  /** Whether there are buffers of indices at all. True unless stated. */
  readonly indices?: boolean;
  /** The pooler is a matrix of that name itself (BigBird), not a module that holds one. */
  readonly flatPooler?: boolean;
  /** What the layers have of their own. */
  readonly layer?: Pick<BertLayerOptions, "bias" | "extra" | "span">;
  /** Whether it is the encoder whose positions a workload counts; not where a model hears and this is its text side. */
  readonly tower: boolean;
}

/** BERT's text encoder and those that follow it (RoBERTa; CLAP's text tower). */
export function bertEncoder(sizes: BertSizes, habits: BertHabits): Module {
  const { vocab, width, inner, layers, heads, positions, types } = sizes;
  const { classes, component, words = component } = habits;
  const indices: DeviceBuffer[] = ["position_ids", "token_type_ids"].map((name) => ({
    name,
    shape: [1, positions],
    dtype: "int64",
    persistent: habits.storedIndices,
  }));
  const { embedded = width } = sizes;
  const table = embedding("position_embeddings", positions, embedded);
  const { wordsTiedTo } = habits;
  const own = embedding("word_embeddings", vocab, embedded, { component: words, divided: true });
  const embeddings = module(
    `${classes}Embeddings`,
    "embeddings",
    [
      wordsTiedTo === undefined
        ? own
        : { ...own, tensors: own.tensors.map((tensor) => ({ ...tensor, tiedTo: wordsTiedTo })) },
      habits.positionsLast ? undefined : table,
      embedding("token_type_embeddings", types, embedded),
      layerNorm("LayerNorm", embedded),
      habits.positionsLast ? table : undefined,
    ],
    habits.indices === false ? {} : { buffers: indices },
  );
  const { scores } = habits;
  const layer = bertLayer({
    classes,
    width,
    inner,
    heads,
    scores,
    norms: "after",
    ...(sizes.dropout && { dropout: sizes.dropout }),
    ...habits.layer,
  });
  const pool = (name: string) => linear(name, width, width);
  return module(
    `${classes}Model`,
    habits.name,
    [
      embeddings,
      embedded === width ? undefined : linear("embeddings_project", embedded, width),
      module(`${classes}Encoder`, "encoder", [stack(upTo(layers), layer)], {
        ...(habits.tower && { op: { kind: "tower", side: "encoder", width } }),
      }),
      habits.pooled
        ? habits.flatPooler
          ? pool("pooler")
          : module(`${classes}Pooler`, "pooler", [pool("dense")])
        : undefined,
    ],
    { component },
  );
}
