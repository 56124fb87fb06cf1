// Writes a descriptor set from the modules that protoc-gen-es generated.
//
//     node node_descriptors.mjs OUTPUT FOLDER
//
// FOLDER has node_modules with @bufbuild/protobuf; FOLDER/modules lists the generated modules, a path a line. The imports of
// each file come before it.

import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [output, folder] = process.argv.slice(2);
const require = createRequire(path.resolve(folder, "package.json"));
const { toBinary } = require("@bufbuild/protobuf");
const { FileDescriptorProtoSchema } = require("@bufbuild/protobuf/wkt");

const written = new Set();
const chunks = [];

function varint(number) {
  const bytes = [];
  for (; number > 0x7f; number >>>= 7) bytes.push((number & 0x7f) | 0x80);
  return Buffer.from([...bytes, number]);
}

function write(file) {
  if (written.has(file.proto.name)) return;
  written.add(file.proto.name);
  file.dependencies.forEach(write);
  const bytes = toBinary(FileDescriptorProtoSchema, file.proto);
  chunks.push(Buffer.from([0x0a]), varint(bytes.length), bytes);
}

for (const name of fs.readFileSync(path.join(folder, "modules"), "utf8").split("\n").filter(Boolean)) {
  const module = await import(pathToFileURL(path.resolve(folder, name)));
  for (const value of Object.values(module)) {
    if (value?.kind === "file") write(value);
  }
}
if (chunks.length === 0) throw new Error("no generated file in these modules");
fs.writeFileSync(output, Buffer.concat(chunks));
