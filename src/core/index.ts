/** The pure library: configs in, numbers out. No network, no disk, no clock. */
export { type Change, changes } from "./answers/changes.ts";
export { type Compared, type CompareOptions, compare } from "./answers/compare.ts";
export {
  type DeviceFit,
  type Fit,
  type FitOptions,
  fitAll,
  fitOn,
  fitWithChanges,
  type Verdict,
} from "./answers/fit.ts";
export { type ServeLine, vllmServe } from "./answers/flags.ts";
export {
  type Bound,
  type DurationPoint,
  type Limit,
  type Limits,
  type LimitsOptions,
  limits,
} from "./answers/limits.ts";
export { type Margin, parseMargin } from "./answers/margin.ts";
export { type Pipeline, pipeline, type Stage, type StageShare } from "./answers/pipeline.ts";
export { parseNumbers } from "./answers/ranges.ts";
export { type Outcome, onDevices, type Runner, runner } from "./answers/runner.ts";
export { type Axes, type Point, pointCount, type Subject, sweep } from "./answers/sweep.ts";
export {
  type AudioGeometry,
  type AudioLengths,
  type AudioWindow,
  audioLengths,
  type Step,
} from "./audio/geometry.ts";
export { parseJson } from "./config/raw.ts";
export { type AttentionType, attentionType } from "./derive/attention-type.ts";
export {
  type Checkpoint,
  type StoredShare,
  type StoredTensor,
  storedByDtype,
} from "./derive/checkpoint.ts";
export { type Comparison, compareCheckpoint, type ShapeDifference } from "./derive/compare.ts";
export {
  type ActiveParameters,
  countActiveParameters,
  countParameters,
  type DeviceBufferRow,
  deviceBuffers,
  type ParameterCount,
  type TensorTable,
  tensorTable,
} from "./derive/parameters.ts";
export { type DescribeOptions, describe } from "./describe.ts";
export { bitsOf, bytesOf, DTYPES, type Dtype, findDtype } from "./dtype.ts";
export type { Basis, Engine, Kind, Phase, Setup } from "./engines/engine.ts";
export { engines, findEngine } from "./engines/index.ts";
export type { TrainingOptions } from "./engines/training/options.ts";
export { InputError, type InputErrorCode, nearest } from "./errors.ts";
export {
  calculateTotalMemory,
  type EstimateOptions,
  estimate,
  type Prepared,
  prepare,
  type QuickTotal,
} from "./estimate.ts";
export { estimateCheckpoint } from "./estimate-checkpoint.ts";
export type { Family } from "./families/family.ts";
export { families } from "./families/index.ts";
export type { Device } from "./hardware/device.ts";
export { devices, findDevice, type Gpus, gpusOf, gpusOfSize, parseGpus } from "./hardware/index.ts";
export { MODEL_TYPES, type Model, type ModelType } from "./model.ts";
export {
  calculateActivationMemory,
  calculateAudioConvMemory,
  calculateAudioInputMemory,
  calculateCrossAttentionKvCache,
  calculateDecoderKvCache,
  calculateDecoderParams,
  calculateEncoderKvCache,
  calculateEncoderParams,
  calculateModelWeights,
  calculateProjectorParams,
  detectAttentionType,
  detectModelType,
  normalizeConfig,
} from "./quantities.ts";
export { rowWriter } from "./render/formats.ts";
export { renderParameters } from "./render/parameters.ts";
export type { Cell, Column, Row, RowWriter } from "./render/rows.ts";
export { renderExplained, renderReport } from "./render/text.ts";
export type { CheckpointReport, ReportedComparison, Some } from "./report/checkpoint.ts";
export type { Ledger, Line } from "./report/ledger.ts";
export {
  MemoryReport,
  type MemoryReportData,
  type PhaseTotal,
  type ReportedStage,
  type ReportedWorkload,
} from "./report/memory-report.ts";
export type { SetupOptions } from "./setup.ts";
export { COMPONENTS, type Component, type Module } from "./tree/module.ts";
export {
  type Bytes,
  bytes,
  GB,
  GiB,
  grouped,
  humanBytes,
  humanCount,
  MiB,
  parseSize,
  toGB,
  toGiB,
} from "./units.ts";
export type { ImageSize } from "./vision/cut.ts";
export { type ImageLengths, imageLengths, type VisionGeometry } from "./vision/geometry.ts";
export { parseImageSize } from "./vision/image-size.ts";
export { withCheckpoint } from "./with-checkpoint.ts";
export type { Workload, WorkloadOptions } from "./workload.ts";
