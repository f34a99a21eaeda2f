import type { Limit, Limits } from "../answers/limits.ts";
import { grouped, humanBytes } from "../units.ts";
import { table } from "./table.ts";
import { plain, type Style } from "./text.ts";

/** What a device holds, one column for every engine that was asked. */
export function renderLimits(id: string, all: readonly Limits[], style: Style = plain): string {
  const [first] = all;
  if (!first) return "";
  const { seconds, contextTokens, images } = first;
  const what = [
    seconds === null ? "" : `${grouped(seconds)} s of audio`,
    images ? imagesText(images) : "",
    contextTokens > 0 ? `${grouped(contextTokens)} tokens of context` : "",
  ].filter((text) => text !== "");
  const question = (name: string, of: (one: Limits) => string): string[] => [
    `  ${name}`,
    ...all.map(of),
  ];
  const rows = [
    ["", ...all.map(({ engine }) => engine)],
    question(
      seconds === null ? "sequences at once (batch)" : `streams of ${grouped(seconds)} s at once`,
      (one) => answer(one.sequences, one.engine, grouped),
    ),
    ...(first.context
      ? [question("longest context in tokens", (one) => answer(one.context, one.engine, grouped))]
      : []),
    ...(first.audioSeconds
      ? [question("longest audio", (one) => answer(one.audioSeconds, one.engine, duration))]
      : []),
    ...(images
      ? [
          question(`images of ${images.width}×${images.height}`, (one) =>
            answer(one.mostImages, one.engine, grouped),
          ),
        ]
      : []),
  ];
  return [
    style.strong(`${id} on ${gpuText(first)}`),
    [`${first.precision} weights`, ...what].join(" · "),
    ...(first.marginBytes > 0
      ? [`margin ${humanBytes(first.marginBytes)} on each device (--margin), left free`]
      : []),
    "",
    ...table(rows),
    ...curve(all, style),
    ...all.flatMap((one) => remarks(one).map((text) => style.faint(`${one.engine}: ${text}`))),
  ].join("\n");
}

const imagesText = ({ count, width, height, tokens }: NonNullable<Limits["images"]>): string =>
  `${grouped(count)} ${count === 1 ? "image" : "images"} of ${width}×${height}${tokens > 0 ? ` (${grouped(tokens)} tokens)` : ""}`;

export const gpuText = ({ gpu }: Pick<Limits, "gpu">): string =>
  `${gpu.count > 1 ? `${gpu.count} × ` : ""}${gpu.name} (${humanBytes(gpu.usableBytes)} usable${gpu.count > 1 ? " each" : ""})`;

const BOUNDS = {
  memory: "memory",
  model: "the model allows no more",
  option: "the stated context allows no more",
} as const;

function answer(limit: Limit | null, engine: string, show: (value: number) => string): string {
  if (!limit) return "–";
  if (limit.boundBy === "search") return `no limit up to ${show(limit.value ?? 0)}`;
  const bound =
    limit.boundBy === "engine"
      ? engine === "vllm"
        ? "--max-num-seqs"
        : "the engine's setting"
      : BOUNDS[limit.boundBy];
  return `${limit.value === null ? "none" : show(limit.value)}  (${bound})`;
}

/** Seconds as people say them: "95 s", "1 h 23 min 20 s". */
export function duration(seconds: number): string {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = seconds % 60;
  return [
    hours > 0 ? `${grouped(hours)} h` : "",
    minutes > 0 ? `${minutes} min` : "",
    rest > 0 || seconds === 0 ? `${rest} s` : "",
  ]
    .filter((text) => text !== "")
    .join(" ");
}

/** Memory as a function of the length of the audio. */
function curve(all: readonly Limits[], style: Style): string[] {
  const seconds = [...new Set(all.flatMap(({ durations }) => durations.map((one) => one.seconds)))];
  if (seconds.length === 0) return [];
  const rows = seconds
    .sort((a, b) => a - b)
    .map((length) => [
      `  ${duration(length)}`,
      ...all.map(({ durations }) => {
        const point = durations.find((one) => one.seconds === length);
        if (!point) return "–";
        return `${humanBytes(point.needBytes)}${point.fits ? "" : "  too much"}`;
      }),
    ]);
  return ["", style.strong("Memory by length of the audio"), ...table(rows)];
}

function remarks({ sequences, sequencesIfAllowed, context, engine }: Limits): string[] {
  if (sequencesIfAllowed !== null)
    return [
      `its own default ends at ${sequences.value}; started with --max-num-seqs ${sequencesIfAllowed} it holds as many`,
    ];
  if (sequences.value !== null || engine !== "vllm" || !context) return [];
  return context.value === null
    ? ["the server does not start on this device"]
    : [
        `the server does not start for the model's own context; with --max-model-len ${context.value} it does`,
      ];
}
