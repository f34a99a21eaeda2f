import { embedding } from "../layers/embedding.ts";
import { layerNorm } from "../layers/norm.ts";
import { upTo } from "../tree/indices.ts";
import { type Module, module, stack } from "../tree/module.ts";
import { whisperLayer } from "./whisper.ts";

/** What sets BART and its kin apart. */
export interface BartHabits {
  /** Prefix of the class names: "Bart", "MBart". */
  readonly classes: string;
  /** Class of the token tables, where it is not the plain one. */
  readonly tableClass?: string;
  /**
   * Positions: a learned table with two rows more than positions, a sinusoidal one that is stored as a parameter, or one
   * (again with two more rows) that is computed when the model is built.
   */
  readonly positions: "learned" | "stored-sinusoids" | "computed-sinusoids";
  /** A norm over the embedded input. */
  readonly embeddingNorm: boolean;
  /** Norms before each block and one after the last layer, or after each block and none at the end. */
  readonly norms: "before" | "after";
}

interface HalfSizes {
  readonly vocab: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly inner: number;
  readonly positions: number;
  /** Full name of the token table that the half's own one shares. */
  readonly tokens: string | undefined;
}

/** Rows of a position table before the first position (an offset that fairseq left behind). */
const OFFSET = 2;

function positionTable({ classes, positions }: BartHabits, rows: number, width: number): Module {
  const name = "embed_positions";
  if (positions === "computed-sinusoids") {
    return module(`${classes}SinusoidalPositionalEmbedding`, name, [], {
      buffers: [
        { name: "weights", shape: [rows + OFFSET, width], dtype: "model", persistent: false },
      ],
    });
  }
  return positions === "learned"
    ? embedding(name, rows + OFFSET, width, { class: `${classes}LearnedPositionalEmbedding` })
    : embedding(name, rows, width, { class: `${classes}SinusoidalPositionalEmbedding` });
}

export function tokenTable(
  habits: BartHabits,
  name: string,
  sizes: Pick<HalfSizes, "vocab" | "width" | "tokens">,
): Module {
  const table = embedding(name, sizes.vocab, sizes.width, {
    component: "embeddings",
    divided: true,
    ...(habits.tableClass && { class: habits.tableClass }),
  });
  const { tokens } = sizes;
  return tokens === undefined
    ? table
    : { ...table, tensors: table.tensors.map((tensor) => ({ ...tensor, tiedTo: tokens })) };
}

/**
 * One half of an encoder-decoder in BART's shape (Lewis et al. 2019).
 * @param half "alone": a decoder without an encoder, whose layers have the weights of cross-attention but do not use them.
 */
export function bartHalf(
  habits: BartHabits,
  sizes: HalfSizes,
  half: "encoder" | "decoder" | "alone",
): Module {
  const { classes, norms } = habits;
  const { width, heads, inner } = sizes;
  const side = half === "encoder" ? "encoder" : "decoder";
  const kind = half === "encoder" ? "Encoder" : "Decoder";
  const layer = whisperLayer(`${classes}${kind}Layer`, `${classes}Attention`, {
    width,
    heads,
    inner,
    span: { kind: half === "encoder" ? "full" : "causal" },
    cross: half !== "encoder",
    keyBias: true,
    norms,
  });
  return module(
    `${classes}${kind}`,
    side,
    [
      tokenTable(habits, "embed_tokens", sizes),
      positionTable(habits, sizes.positions, width),
      stack(upTo(sizes.layers), half === "alone" ? withoutCross(layer) : layer),
      habits.embeddingNorm ? layerNorm("layernorm_embedding", width) : undefined,
      norms === "before" ? layerNorm("layer_norm", width) : undefined,
    ],
    {
      component: side,
      op: {
        kind: "tower",
        side,
        width,
        // Only a stored table of sinusoids is read by position; the others are by every sequence's own ids.
        positions: habits.positions === "stored-sinusoids" ? "once" : "each",
      },
    },
  );
}

/** The same layer with its cross-attention idle: it has weights, but neither runs nor remembers. */
function withoutCross(layer: Module): Module {
  const { op } = layer;
  return {
    ...layer,
    ...(op?.kind === "layer" && {
      op: { ...op, blocks: op.blocks.filter(({ run }) => run !== "encoder_attn") },
    }),
    children: layer.children.map((child) =>
      child.name === "encoder_attn"
        ? { class: child.class, name: child.name, tensors: [], children: child.children }
        : child,
    ),
  };
}
