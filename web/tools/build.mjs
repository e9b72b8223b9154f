// One-file builds of the SDK and of each page (a page of forty modules would wait for one after the other), and the
// SDK's d.ts. `--check` proves that it builds without writing.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = new URL("../", import.meta.url);
const { version } = JSON.parse(readFileSync(new URL("sdk/package.json", root), "utf8"));
const path = (/** @type {string} */ relative) => fileURLToPath(new URL(relative, root));
const write = !process.argv.includes("--check");

const common = {
  entryPoints: [path("sdk/src/index.js")],
  bundle: true,
  target: ["es2022", "chrome107", "firefox110", "safari16"],
  sourcemap: /** @type {const} */ ("linked"),
  legalComments: /** @type {const} */ ("none"),
  banner: { js: `/* mediaserver-sdk ${version}, Apache-2.0 */` },
  write,
};
await build({ ...common, format: "esm", minify: true, outfile: path("sdk/dist/mediaserver.js") });
await build({
  ...common,
  format: "iife",
  globalName: "mediaserver",
  minify: true,
  outfile: path("sdk/dist/mediaserver.global.js"),
});
for (const page of ["join", "console", "signin", "start"]) {
  await build({
    ...common,
    entryPoints: [path(`${page}/${page}.js`)],
    banner: {},
    format: "esm",
    minify: true,
    outfile: path(`${page}/dist/${page}.js`),
  });
}
if (write) {
  rmSync(path("sdk/types"), { recursive: true, force: true });
  execFileSync(path("node_modules/.bin/tsc"), ["-p", path("sdk/tsconfig.json")], { stdio: "inherit" });
}
