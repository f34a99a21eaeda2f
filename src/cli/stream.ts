import type { Row, RowWriter } from "../core/render/rows.ts";

const CHUNK = 64 * 1024;
/** Before this long nobody wonders. */
const QUIET_MS = 500;
const EVERY_ROWS = 2048;

/** Writes rows to standard output as they come, no faster than it is read; how far it is goes to a terminal's stderr. */
export async function stream(rows: Iterable<Row>, writer: RowWriter, total: number): Promise<void> {
  const progress = progressOf(total);
  let text = writer.head();
  let count = 0;
  for (const row of rows) {
    text += writer.row(row);
    count++;
    if (text.length >= CHUNK) {
      if (!(await write(text))) return;
      text = "";
    }
    if (count % EVERY_ROWS === 0) progress.at(count);
  }
  progress.end();
  await write(text + writer.tail());
}

/** False where nobody reads any more (`| head`). */
async function write(text: string): Promise<boolean> {
  const { stdout } = process;
  if (stdout.destroyed || stdout.errored) return false;
  if (text === "" || stdout.write(text)) return true;
  await new Promise<void>((resolve) => {
    const go = () => {
      stdout.off("drain", go);
      stdout.off("close", go);
      resolve();
    };
    stdout.on("drain", go);
    stdout.on("close", go);
  });
  return !stdout.destroyed;
}

function progressOf(total: number): { at(count: number): void; end(): void } {
  const start = performance.now();
  const wanted = process.stderr.isTTY && !process.stdout.isTTY && process.env.TERM !== "dumb";
  let said = false;
  return {
    at(count) {
      if (!wanted || performance.now() - start < QUIET_MS) return;
      said = true;
      process.stderr.write(`\r${Math.floor((100 * count) / total)} % of ${total} points`);
    },
    end() {
      if (said) process.stderr.write("\r\u001b[K");
    },
  };
}
