import { grouped, humanCount } from "../units.ts";
import { bar, table } from "./table.ts";

interface Parameters {
  readonly id?: string;
  readonly architecture: string;
  /** What the counts rest on, where the architecture itself is assumed. */
  readonly assumptions?: readonly string[];
  readonly total: number;
  /** Parameters that one token goes through, and how many of them are tables of which it reads a row. */
  readonly active?: number;
  readonly tables?: number;
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
  const { active, tables = 0, total } = said;
  const met =
    active === undefined || active === total
      ? []
      : [
          `  active for a token: ${grouped(active)} (${humanCount(active)}), of which ${grouped(tables)} in tables of which it reads a row`,
        ];
  return [
    said.id === undefined ? said.architecture : `${said.id}  (${said.architecture})`,
    ...table([...rows, ["  total", grouped(total), humanCount(total), ""]], [1, 2]),
    ...met,
    ...(said.assumptions ?? []).map((sentence) => `  assumed: ${sentence}`),
    ...said.tied.map(([name, owner]) => `  ${name} is ${owner} and takes no memory of its own`),
    ...(said.tensors
      ? ["", ...table(said.tensors.map(([name, shape]) => [`  ${name}`, `[${shape.join(", ")}]`]))]
      : []),
  ].join("\n");
}
