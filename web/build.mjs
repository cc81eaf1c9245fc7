// Builds the page of the studio into src/narrows/studio/static: one script, one style, one document; and
// what pages that stand alone are made of into src/narrows/figures/static: scripts, styles, an engine, its licence.
// What it was built of and what was built are written beside it, a digest each, so that a test without node can tell a
// stale page, and one that was changed by hand or merged of two.
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "..", "src", "narrows", "studio", "static");

const alone = join(here, "..", "src", "narrows", "figures", "static");

async function built(names, to) {
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  await build({
    entryPoints: names.map(name => join(here, "src", name)),
    outdir: to,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["chrome110", "firefox115", "safari16"],
    charset: "utf8",
    legalComments: "eof",
  });
}

await built(["main.js", "style.css"], out);
await built(["decoder.js", "decoder.css", "map_page.js", "map_page.css"], alone);
const engine = join(here, "node_modules", "onnxruntime-web", "dist", "ort-wasm-simd-threaded.wasm");
writeFileSync(join(alone, "ort.wasm.gz"), gzipSync(readFileSync(engine), { level: 9 }));
cpSync(join(here, "onnxruntime-licence.txt"), join(alone, "onnxruntime-licence.txt"));
cpSync(join(here, "src", "index.html"), join(out, "index.html"));

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const path = join(folder, entry.name);
    if (entry.name === "node_modules") return [];
    return entry.isDirectory() ? files(path) : [path];
  });
}
// as tests/studio/test_built.py: each file's path and content, in the order of their paths
function digestOf(top, names) {
  const found = names.map(path => [relative(top, path).split(sep).join("/"), path]);
  found.sort(([a], [b]) => (a < b ? -1 : 1));
  const digest = createHash("sha256");
  for (const [name, path] of found) digest.update(name + "\0").update(readFileSync(path)).update("\0");
  return digest.digest("hex");
}
const made = [...files(out), ...files(alone)];
const digests = [digestOf(here, files(here)), digestOf(join(here, "..", "src"), made)];
writeFileSync(join(out, "built-of.txt"), digests.join("\n") + "\n");
