import { grouped, humanCount } from "../units.ts";
import { bar, table } from "./table.ts";

interface Parameters {
  readonly id?: string;
  readonly architecture: string;
  readonly total: number;
  readonly components: Readonly<Record<string, number>>;
  readonly tensors?: readonly (readonly [string, readonly number[]])[];
  readonly tied: readonly (readonly [string, string])[];
}

/** Parameters for people: the total, the components with bars, and, if there, every tensor. */
export function renderParameters(said: Parameters): string {
  const rows = Object.entries(said.components)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => [
      `  ${name}`,
      grouped(count),
      `${((100 * count) / said.total).toFixed(1)} %`,
      bar(count / said.total, 24),
    ]);
  return [
    said.id === undefined ? said.architecture : `${said.id}  (${said.architecture})`,
    ...table([...rows, ["  total", grouped(said.total), humanCount(said.total), ""]], [1, 2]),
    ...said.tied.map(([name, owner]) => `  ${name} is ${owner} and takes no memory of its own`),
    ...(said.tensors
      ? ["", ...table(said.tensors.map(([name, shape]) => [`  ${name}`, `[${shape.join(", ")}]`]))]
      : []),
  ].join("\n");
}
