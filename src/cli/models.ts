import { catalogConfig, catalogIds } from "../catalog/index.ts";
import { countParameters } from "../core/derive/parameters.ts";
import { describe } from "../core/describe.ts";
import { families } from "../core/families/index.ts";
import { table } from "../core/render/table.ts";
import { humanCount } from "../core/units.ts";
import { print } from "./terminal.ts";

export function modelsCommand(options: { json?: true }): void {
  const purposes = new Map(families.map(({ name, purpose }) => [name, purpose]));
  const rows = catalogIds().map((id) => {
    const model = describe(catalogConfig(id), { resolve: catalogConfig });
    return {
      id,
      architecture: model.architecture,
      modelType: model.type,
      parameterCount: countParameters(model.root).total,
      purpose: purposes.get(model.family) ?? "",
    };
  });
  if (options.json) {
    print(JSON.stringify(rows));
    return;
  }
  const lines = table(
    rows.map((row) => [row.id, humanCount(row.parameterCount), row.modelType, row.purpose]),
    [1],
  );
  print(
    [
      ...lines,
      "",
      `${rows.length} models; any other config.json of these architectures works as well: ${families.map(({ name }) => name).join(", ")}`,
    ].join("\n"),
  );
}
