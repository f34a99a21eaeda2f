/** The pure library: configs in, numbers out. No network, no disk, no clock. */
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
export { renderParameters } from "./render/parameters.ts";
export { renderExplained, renderReport } from "./render/text.ts";
export type { CheckpointReport, ReportedComparison, Some } from "./report/checkpoint.ts";
export type { Ledger, Line } from "./report/ledger.ts";
export {
  MemoryReport,
  type MemoryReportData,
  type PhaseTotal,
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
export type { Workload, WorkloadOptions } from "./workload.ts";
