// Runs a script on real MicroPython, with the device core in its file system.
//
//   node run.mjs REPOSITORY SCRIPT.py [SOURCE=PLACE...] < input > output
//
// The script can import firmware_sim.core, and each SOURCE (a file or folder, relative to the
// repository) from its PLACE on the import path. `import host` gives it host.input(), the text on
// our standard input, and host.aes_block(key_hex, block_hex), AES-128 by Node's own OpenSSL, which
// plays the part of the chip's AES unit. What it prints is our standard output; an exception that
// it lets out ends us with exit code 1.
import { createCipheriv } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { loadMicroPython } from "@micropython/micropython-webassembly-pyscript/micropython.mjs";

const ROOT = "/flash";
const [repository, script, ...more] = process.argv.slice(2);
const input = readFileSync(0, "utf8");
const micropython = await loadMicroPython({
  heapsize: 8 * 1024 * 1024,
  linebuffer: true,
  stdout: (line) => process.stdout.write(line + "\n"),
});

function lay(source, place) {
  const here = join(repository, source);
  if (statSync(here).isDirectory()) {
    for (const name of readdirSync(here)) {
      const wanted = name.endsWith(".py") || statSync(join(here, name)).isDirectory();
      if (wanted && name !== "__pycache__") lay(posix.join(source, name), posix.join(place, name));
    }
    return;
  }
  let folder = ROOT;
  for (const part of place.split("/").slice(0, -1)) {
    folder += "/" + part;
    if (!micropython.FS.analyzePath(folder).exists) micropython.FS.mkdir(folder);
  }
  micropython.FS.writeFile(ROOT + "/" + place, readFileSync(here));
}

micropython.FS.mkdir(ROOT);
const always = ["firmware_sim/__init__.py", "firmware_sim/core"].map((path) => `${path}=${path}`);
for (const pair of [...always, ...more]) lay(...pair.split("="));
micropython.registerJsModule("host", {
  input: () => input,
  aes_block: (keyHex, blockHex) => {
    const cipher = createCipheriv("aes-128-ecb", Buffer.from(keyHex, "hex"), null);
    cipher.setAutoPadding(false);
    return cipher.update(Buffer.from(blockHex, "hex")).toString("hex");
  },
});
try {
  micropython.runPython(`import sys\nsys.path.insert(0, "${ROOT}")\n`);
  micropython.runPython(readFileSync(script, "utf8"));
} catch (problem) {
  process.stderr.write(`${script}: ${problem.message ?? problem}\n`);
  process.exit(1);
}
