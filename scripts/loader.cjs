/**
 * The bin's first lines. The program stands below them in a comment, which V8 passes over; here it is compiled from V8's own
 * cache of it, or without one as ever, and then the cache is written for the next start. Parsing is most of a start
 * (docs/performance.md). NODE_DISABLE_COMPILE_CACHE, as for Node's own cache, switches it off.
 */
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

const { env } = process;
const text = fs.readFileSync(__filename, "latin1");
const program = text
  .slice(text.indexOf("\n/*{") + 4, text.lastIndexOf("}*/"))
  .replaceAll("*~/", "*/");
const file = env.NODE_DISABLE_COMPILE_CACHE ? undefined : cacheFile();

/** Beside what the program keeps of the hub (src/hub/settings.ts), by what was built and what runs it. */
function cacheFile() {
  const name = "llm-memory-calculator";
  const local = process.platform === "win32" && env.LOCALAPPDATA;
  try {
    const folder =
      env.LLM_MEMORY_CALCULATOR_CACHE ||
      (local
        ? path.join(local, name, "cache")
        : path.join(env.XDG_CACHE_HOME || path.join(require("node:os").homedir(), ".cache"), name));
    return path.join(folder, "compiled", `BUILD-${process.version}-${process.arch}.bin`);
  } catch {
    return undefined; // a user without a home
  }
}

/** Code is only taken from a file that nobody else can have written. */
function cached() {
  let open;
  try {
    open = fs.openSync(file, "r");
    const { uid, mode } = fs.fstatSync(open);
    const own = !process.getuid || (uid === process.getuid() && (mode & 0o022) === 0);
    return own ? fs.readFileSync(open) : undefined;
  } catch {
    return undefined; // none yet
  } finally {
    if (open !== undefined) fs.closeSync(open);
  }
}

const before = file && cached();
const script = new vm.Script(program, {
  filename: __filename,
  ...(before && { cachedData: before }),
});
if (file && (!before || script.cachedDataRejected)) {
  process.once("exit", (code) => {
    if (code !== 0) return;
    const temporary = `${file}.${process.pid}.tmp`;
    try {
      fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
      const open = fs.openSync(temporary, "wx", 0o600);
      try {
        fs.writeFileSync(open, script.createCachedData());
      } finally {
        fs.closeSync(open);
      }
      fs.renameSync(temporary, file);
      // What earlier builds left behind.
      for (const old of fs.readdirSync(path.dirname(file)))
        if (!old.startsWith("BUILD"))
          fs.rmSync(path.join(path.dirname(file), old), { force: true });
    } catch {
      // A disk that is full or read-only, or no folder there, only costs the next start some time.
      try {
        fs.rmSync(temporary, { force: true });
      } catch {
        // Nothing was written.
      }
    }
  });
}
script.runInThisContext()(exports, require, module, __filename, __dirname);
