import type { Line } from "../report/ledger.ts";
import type { MemoryReport } from "../report/memory-report.ts";
import { GB, GiB, grouped, humanBytes, humanCount } from "../units.ts";
import { renderCheckpoint } from "./checkpoint.ts";
import { renderServing } from "./serving.ts";
import { bar, table } from "./table.ts";

/** Styles for a terminal; {@link plain} leaves text as it is. */
export interface Style {
  strong(text: string): string;
  faint(text: string): string;
  accent(text: string): string;
}
export const plain: Style = {
  strong: (text) => text,
  faint: (text) => text,
  accent: (text) => text,
};

const BAR = 24;

/** The report as a page for people: what was asked, where memory goes at the peak, when the peak is, and the total. */
export function renderReport(report: MemoryReport, style: Style = plain): string {
  const peak = (line: Line) => line.alive[report.peakPhase] ?? 0;
  const alive = report.ledger.lines
    .filter((line) => peak(line) > 0)
    .sort((a, b) => peak(b) - peak(a));
  const others = report.ledger.lines.filter((line) => peak(line) === 0);
  // Where everything is assumed, a reader of one line must see it too.
  const mark = report.ledger.lines.every(({ basis }) => basis === "assumed") ? ", assumed" : "";
  const largest = Math.max(1, ...alive.map(peak));
  const rows = alive.map((line) => [
    `  ${line.component}`,
    `${line.label}${mark}`,
    humanBytes(peak(line)),
    share(peak(line), report.totalMemoryBytes),
    bar(peak(line) / largest, BAR),
  ]);
  return [
    ...header(report, style),
    "",
    style.strong(`Memory at the peak (${report.peakPhase})`),
    ...table(rows, [2, 3]),
    ...(others.length > 0
      ? [
          style.faint(
            `  not alive then: ${others.map((line) => `${line.component} ${line.label}${mark} ${humanBytes(line.bytes)}`).join(", ")}`,
          ),
        ]
      : []),
    "",
    ...phases(report, style),
    ...renderServing(report, style),
    style.strong(
      `Total ${(report.totalMemoryBytes / GiB).toFixed(3)} GiB = ${(report.totalMemoryBytes / GB).toFixed(3)} GB`,
    ) + style.faint(`  (${grouped(report.totalMemoryBytes)} bytes${onWhat(report)})`),
    ...renderStages(report, style),
    ...renderCheckpoint(report.checkpoint),
    "",
    ...report.assumptions.map((sentence) => style.faint(`assumed: ${sentence}`)),
    style.faint("--explain shows every number's formula, basis and source"),
  ].join("\n");
}

function onWhat({ workload, stages }: MemoryReport): string {
  const each = workload.tensorParallelSize > 1 ? " on each device" : "";
  return stages ? `${each} of the fullest stage` : each;
}

/** What each stage of a pipeline holds and takes. */
function renderStages({ stages }: MemoryReport, style: Style): string[] {
  if (!stages) return [];
  const most = Math.max(...stages.map(({ totalMemoryBytes }) => totalMemoryBytes));
  const rows = stages.map(({ holds, totalMemoryBytes, peakPhase }, at) => [
    `  stage ${at}`,
    humanBytes(totalMemoryBytes),
    `${peakPhase}  ${holds}${totalMemoryBytes === most ? "  ◀ fullest" : ""}`,
  ]);
  return ["", style.strong("Stages of the pipeline"), ...table(rows, [1])];
}

/** The report followed by every line's formula, basis and source. */
export function renderExplained(report: MemoryReport, style: Style = plain): string {
  const lines = report.ledger.lines.flatMap((line) => {
    const phasesAlive = Object.entries(line.alive).filter(([, size]) => size > 0);
    const sizes = new Set(phasesAlive.map(([, size]) => size));
    const when =
      sizes.size === 1
        ? `${phasesAlive.map(([phase]) => phase).join(", ")}`
        : phasesAlive.map(([phase, size]) => `${phase} ${humanBytes(size)}`).join(", ");
    return [
      "",
      `${style.strong(`${line.component} · ${line.label}`)}  ${style.accent(humanBytes(line.bytes))}  ${style.faint(`${grouped(line.bytes)} B`)}`,
      `  = ${line.formula}`,
      style.faint(`  alive in ${when}`),
      style.faint(`  ${line.basis}: ${line.source}`),
    ];
  });
  return [
    renderReport(report, style),
    "",
    style.strong("Where each number comes from"),
    ...lines,
  ].join("\n");
}

function header(report: MemoryReport, style: Style): string[] {
  const { workload } = report;
  const about = [
    report.architecture,
    report.modelType,
    parameters(report),
    report.attentionType === "none" ? "" : `${report.attentionType.toUpperCase()} attention`,
  ];
  const how = [
    report.quantization ? `${report.quantization.scheme} weights` : `${report.precision} weights`,
    // Without an engine there are weights alone: nothing is known of a cache.
    report.engine === "none" || remembersNothing(report) ? "" : `${report.kvCacheDtype} KV cache`,
    report.engine === "none" ? "" : `batch ${grouped(workload.batchSize)}`,
    workload.tensorParallelSize > 1 ? `tensor parallel ${workload.tensorParallelSize}` : "",
    workload.pipelineParallelSize > 1 ? `pipeline parallel ${workload.pipelineParallelSize}` : "",
    report.engine === "none"
      ? "weights alone, from the checkpoint's header"
      : `engine ${report.engine}`,
  ];
  return [
    style.strong(report.model ?? report.architecture),
    style.faint(join(about)),
    join(how),
    ...(report.quantization ? [quantisedSentence(report.quantization)] : []),
    ...(workload.audio ? [audioSentence(report)] : []),
    ...(workload.images ? [imageSentence(workload.images)] : []),
    ...(workload.encoderTokens > 0
      ? [`the encoder reads ${grouped(workload.encoderTokens)} tokens of text`]
      : []),
    ...(workload.contextTokens > 0
      ? [
          `decoder context ${grouped(workload.contextTokens)} tokens, of which prompt ${grouped(workload.promptTokens)}${media(workload)}`,
        ]
      : []),
  ];
}

/** An encoder alone: no keys and values outlive a layer. */
const remembersNothing = ({ modelType, kvCacheBytes }: MemoryReport): boolean =>
  modelType === "encoder-only" && kvCacheBytes === 0;

/** " (audio 250, images 512)" */
function media({ audioTokens, imageTokens }: MemoryReport["workload"]): string {
  const parts = [
    audioTokens > 0 ? `audio ${grouped(audioTokens)}` : "",
    imageTokens > 0 ? `images ${grouped(imageTokens)}` : "",
  ].filter((part) => part !== "");
  return parts.length > 0 ? ` (${parts.join(", ")})` : "";
}

/** "46.70B parameters, 12.88B active": the second where a token does not go through all of them. */
function parameters({ parameterCount: all, activeParameterCount: active }: MemoryReport): string {
  const met = active === null || active === all ? "" : `, ${humanCount(active)} active`;
  return `${humanCount(all)} parameters${met}`;
}

/** "6.53B parameters quantised as the config says, 1.09B stay in bf16" */
const quantisedSentence = (said: NonNullable<MemoryReport["quantization"]>): string =>
  `${humanCount(said.quantizedParameters)} parameters quantised${said.stated ? " as the config says" : ""}, ${humanCount(said.otherParameters)} stay in ${said.otherDtype}`;

/** "30 s of audio → 3,000 frames → 1,500 encoder positions → 750 tokens" */
function audioSentence({ workload }: MemoryReport): string {
  const { audio, audioTokens } = workload;
  if (!audio) return "";
  const windows =
    audio.windows > 1
      ? ` → ${grouped(audio.windows)} windows (${audio.concurrentWindows === 1 ? "one after the other" : "together"})`
      : "";
  const per = audio.windows > 1 ? " each" : "";
  return [
    `${grouped(Number(audio.seconds.toFixed(2)))} s of audio${windows}`,
    `${grouped(audio.windowFrames)} frames${per}`,
    `${grouped(audio.windowPositions)} encoder positions${per}`,
    ...(audioTokens > 0 ? [`${grouped(audioTokens)} tokens`] : []),
  ].join(" → ");
}

/** "2 images of 1024×768 → 10 tiles of 577 patches → 5,770 patches → 4,342 tokens" */
function imageSentence(images: NonNullable<MemoryReport["workload"]["images"]>): string {
  const { count, width, height, imageTiles, tilePatches, patches, tokens, crossPositions } = images;
  return [
    `${grouped(count)} ${count === 1 ? "image" : "images"} of ${width}×${height}`,
    ...(imageTiles > 1
      ? [`${grouped(count * imageTiles)} tiles of ${grouped(tilePatches)} patches`]
      : []),
    `${grouped(patches)} patches`,
    crossPositions > 0
      ? `${grouped(crossPositions)} positions that the decoder attends to`
      : `${grouped(tokens)} tokens`,
  ].join(" → ");
}

function phases(report: MemoryReport, style: Style): string[] {
  if (report.phases.length < 2) return [];
  const row = report.phases.map(({ phase, totalBytes }) => {
    const text = `${phase} ${humanBytes(totalBytes)}`;
    return phase === report.peakPhase ? style.accent(`${text} ◀ peak`) : text;
  });
  return [`  ${row.join("  →  ")}`];
}

const join = (parts: readonly string[]): string => parts.filter((part) => part !== "").join(" · ");

function share(part: number, whole: number): string {
  const percent = (100 * part) / whole;
  return percent >= 0.1 ? `${percent.toFixed(1)} %` : "< 0.1 %";
}
