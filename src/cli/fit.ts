import { fitAll, fitWithChanges } from "../core/answers/fit.ts";
import { vllmServe } from "../core/answers/flags.ts";
import { onDevices } from "../core/answers/runner.ts";
import { estimate } from "../core/estimate.ts";
import { devices, gpusOf as gpusOfDevice } from "../core/hardware/index.ts";
import { renderDeviceFits, renderFit, renderServe } from "../core/render/fit.ts";
import { gpusOf, settledWithAssistant, type TextOptions, withMargin } from "./settle.ts";
import { loadModel } from "./source.ts";
import { print, terminalStyle } from "./terminal.ts";

export async function fitCommand(model: string, options: TextOptions): Promise<void> {
  const asked = { ...(await settledWithAssistant(options)), ...withMargin(options) };
  const gpus = gpusOf(options);
  const { id, model: described } = await loadModel(model, options);
  const style = terminalStyle();
  if (!gpus) {
    const all = fitAll(
      described,
      asked,
      devices.filter(({ kind }) => kind !== "main memory").map((device) => gpusOfDevice(device, 1)),
    );
    const engine = asked.training ? "training" : (options.engine ?? "transformers");
    if (options.json) print(JSON.stringify({ schemaVersion: 1, model: id, devices: all }));
    else print(renderDeviceFits(id, engine, all, style));
    return;
  }
  const report = estimate(described, { ...onDevices(asked, gpus), id });
  const said = fitWithChanges(described, asked, gpus);
  const serve = said.fit.fits ? vllmServe(report, asked) : undefined;
  if (options.json) {
    print(
      JSON.stringify({ schemaVersion: 1, model: id, ...said, serve: serve ?? null }, undefined, 2),
    );
    return;
  }
  print([renderFit(id, report.engine, said, style), ...renderServe(serve, style)].join("\n"));
}
