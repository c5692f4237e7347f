// Starts boards on real MicroPython, one life after another, with a bench of fakes around them.
//
//   node board.mjs
//
// Each line on standard input is a JSON object. It names the folder of the files that go on the
// board, the folder of the fakes, and the lives: what happens in each from its start to its end. A
// life begins with a fresh interpreter and the files that the life before left behind. The line
// that answers is what each life told, in order, the counters it left, and how it ended. AES is
// Node's own OpenSSL, which plays the chip's AES unit.
import { createCipheriv } from "node:crypto";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { loadMicroPython } from "../../firmware_sim/micropython/node_modules/@micropython/micropython-webassembly-pyscript/micropython.mjs";

const FLASH = "/flash";
const FAKES = "/fakes";

function filesBelow(folder, prefix = "") {
  const found = {};
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) Object.assign(found, filesBelow(path, prefix + name + "/"));
    else found[prefix + name] = readFileSync(path);
  }
  return found;
}

function lay(FS, root, files) {
  for (const [place, content] of Object.entries(files)) {
    let folder = root;
    for (const part of place.split("/").slice(0, -1)) {
      folder += "/" + part;
      if (!FS.analyzePath(folder).exists) FS.mkdir(folder);
    }
    FS.writeFile(root + "/" + place, content);
  }
}

function read(FS, root, prefix = "") {
  const found = {};
  for (const name of FS.readdir(root + "/" + prefix)) {
    if (name === "." || name === "..") continue;
    const place = prefix + name;
    if (FS.isDir(FS.stat(root + "/" + place).mode)) Object.assign(found, read(FS, root, place + "/"));
    else found[place] = FS.readFile(root + "/" + place);
  }
  return found;
}

function aesBlock(keyHex, blockHex) {
  const cipher = createCipheriv("aes-128-ecb", Buffer.from(keyHex, "hex"), null);
  cipher.setAutoPadding(false);
  return cipher.update(Buffer.from(blockHex, "hex")).toString("hex");
}

async function live(fakes, files, life) {
  const told = [];
  let now = 0;
  const micropython = await loadMicroPython({
    heapsize: 1024 * 1024,
    linebuffer: true,
    stdout: (line) => told.push([now, "line", line]),
  });
  const { FS } = micropython;
  FS.mkdir(FLASH);
  FS.mkdir(FAKES);
  lay(FS, FLASH, files);
  // On the chip they are modules of the firmware, so they take the names of those.
  const renamed = Object.entries(filesBelow(fakes)).filter(([place]) => place.endsWith(".py"));
  lay(FS, FAKES, Object.fromEntries(renamed.map(([p, c]) => [p.replace(/^fake_/, ""), c])));
  micropython.registerJsModule("host", {
    life: () => JSON.stringify(life),
    tell: (kind, text) => told.push([now, kind, text]),
    at: (ms) => { now = ms; },
    aes_block: aesBlock,
  });
  let ended = "returned";
  try {
    micropython.runPython("import host\n" + readFileSync(join(fakes, "start.py"), "utf8"));
  } catch (problem) {
    ended = String(problem.message ?? problem).trim().split("\n").at(-1);
  }
  // Rubbish is collected between two runs only; what stays is the loaded program.
  micropython.runPython("import gc; gc.collect()");
  micropython.runPython("host.tell('heap', str(gc.mem_alloc()))");
  return { told, ended, files: read(FS, FLASH) };
}

async function liveAll({ board, fakes, lives }) {
  let files = filesBelow(board);
  const out = [];
  for (const life of lives) {
    for (const [place, hex] of Object.entries(life.files ?? {})) {
      files[place] = Buffer.from(hex, "hex");
    }
    const { told, ended, files: left } = await live(fakes, files, life);
    files = left;
    const counters = Object.entries(left).filter(([place]) => place.startsWith("counter."));
    const hex = counters.map(([place, content]) => [place, Buffer.from(content).toString("hex")]);
    out.push({ told, ended, counters: Object.fromEntries(hex) });
  }
  return out;
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await liveAll(JSON.parse(line))) + "\n");
}
