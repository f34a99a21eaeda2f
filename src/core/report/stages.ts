import type { Engine, LinePlan, Phase, Setup, Stage } from "../engines/engine.ts";
import type { Model } from "../model.ts";
import type { AxisValues } from "../quantity/axis.ts";
import { type Ledger, writeLedger } from "./ledger.ts";
import { type ReportedStage, totalsOf } from "./memory-report.ts";

/** What each device holds: one stage without a pipeline. */
export function stagesOf(engine: Engine, model: Model, setup: Setup): readonly Stage[] {
  const stages =
    setup.pipelineParallel > 1 && engine.stages
      ? engine.stages(model, setup)
      : [{ holds: "all layers", plan: engine.plan(model, setup) }];
  const { assumed } = model;
  if (assumed === undefined) return stages;
  return stages.map(({ holds, plan }) => ({ holds, plan: plan.map(asAssumed(assumed)) }));
}

/** Of an assumed tree, no line is known any better than the tree. */
const asAssumed =
  (assumed: string) =>
  (plan: LinePlan): LinePlan => ({
    ...plan,
    basis: "assumed",
    source: `${assumed}; for such a model: ${plan.basis}, ${plan.source}`,
  });

/** The ledger of the stage that needs most, and what each of them comes to. */
export function fullest(
  stages: readonly Stage[],
  phases: readonly Phase[],
  values: AxisValues,
): { readonly ledger: Ledger; readonly stages: readonly ReportedStage[] | null } {
  const written = stages.map(({ holds, plan }) => {
    const ledger = writeLedger(plan, values, phases);
    const { totalMemoryBytes, peakPhase } = totalsOf(ledger.lines, phases);
    return { ledger, stage: { holds, totalMemoryBytes, peakPhase } };
  });
  const most = written.reduce((a, b) =>
    b.stage.totalMemoryBytes > a.stage.totalMemoryBytes ? b : a,
  );
  return {
    ledger: most.ledger,
    stages: written.length > 1 ? written.map(({ stage }) => stage) : null,
  };
}
