// Encodes rows without TensorFlow, for runtimes that have no texts; it is made to be copied.
// row_encoder.py is the same in Python, and docs/encoding.md says how rows are encoded.
"use strict";

const WORDS = { true: 1, yes: 1, 1: 1, false: 0, no: 0, 0: 0 };
const DATE = { "%Y": "([0-9]{4})", "%f": "[0-9]+", "%z": "(Z|[+-][0-9]{2}(?::?[0-9]{2})?)" };
const ISO_DATE = "%Y-%m-%d(?:[T ]%H:%M(?::%S(?:[.,]%f)?)?(?: ?%z)?)?";

// The features of a row that are not 0, and its numbers: a Map from the index of each to its value,
// NaN where a number is missing; others are 0.
// encoding: as a model's file has it. row: an object of texts, numbers, and null for a missing one;
// whole numbers beyond 2^53 as BigInt.
function encodeRow(encoding, row) {
  const dtypes = Object.fromEntries(encoding.inputs.map((given) => [given.name, given.dtype]));
  const entries = new Map();
  let first = 0;
  for (const column of encoding.columns) {
    const cells = column.inputs.map((name) => cellOf(row[name] ?? null, dtypes[name]));
    for (const [feature, value] of featuresOf(column, cells)) {
      entries.set(first + feature, Math.fround(value));
    }
    first += countFeatures(column);
  }
  return entries;
}

function countFeatures(column) {
  const counts = {
    number: 1,
    boolean: 1,
    date: 5,
    category: 2 + (column.vocabulary ?? []).length,
    terms: 1 + (column.vocabulary ?? []).length,
    buckets: 2 + (column.boundaries ?? []).length,
  };
  return counts[column.kind] ?? 1 + column.size;
}

// A text without blanks around it, or a number.
function cellOf(cell, dtype) {
  if (dtype === "string") return cell === null ? "" : strip(String(cell));
  if (dtype === "int64") return BigInt(cell);
  return cell === null ? NaN : Math.fround(cell);
}

function strip(text) {
  return text.replace(/^[ \t\n\v\f\r]+/, "").replace(/[ \t\n\v\f\r]+$/, "");
}

function featuresOf(column, cells) {
  const [cell] = cells;
  if (column.kind === "number" || column.kind === "boolean") {
    if (typeof cell !== "string") return [[0, cell]];
    const word = cell.toLowerCase();
    return [[0, Object.hasOwn(WORDS, word) ? WORDS[word] : NaN]];
  }
  if (column.kind === "date") return dateOf(column, cell).map((value, index) => [index, value]);
  if (column.kind === "text") return wordsOf(cell, column.size);
  if (column.kind === "terms") return termsOf(column, cell);
  if (column.kind === "buckets") {
    const above = column.boundaries.filter((boundary) => cell >= Math.fround(boundary)).length;
    return [[Number.isNaN(cell) ? 0 : 1 + above, 1]];
  }
  const texts = cells.map(textOf);
  if (texts.every((text) => text === "")) return [[0, 1]];
  if (column.kind === "category") {
    return [[2 + (column.vocabulary ?? []).indexOf(texts[0]), 1]];
  }
  const joined = texts.map((text) => `${utf8(text).length}:${text}`).join("");
  return [[1 + bucketOf(column.kind === "cross" ? joined : texts[0], column.size), 1]];
}

// A cell as a category; a number is one of a column of booleans.
function textOf(cell) {
  if (typeof cell === "number") return Number.isNaN(cell) ? "" : cell ? "1" : "0";
  return String(cell);
}

// Words and pairs of neighbouring words, hashed and counted.
function wordsOf(text, size) {
  const words = text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  const pairs = words.slice(1).map((word, index) => `${words[index]} ${word}`);
  const counts = new Map();
  for (const term of [...words, ...pairs]) {
    const feature = 1 + bucketOf(term, size);
    counts.set(feature, (counts.get(feature) ?? 0) + 1);
  }
  const weights = [...counts].map(([feature, count]) => [feature, 1 + Math.log(count)]);
  const length = Math.sqrt(weights.reduce((sum, [, weight]) => sum + weight * weight, 0));
  if (!words.length) return [[0, 1]];
  return weights.map(([feature, weight]) => [feature, weight / length]);
}

// Words and sequences of words of a vocabulary, counted.
function termsOf(column, text) {
  const how = column.terms;
  const lower = how.lowercase ? text.replaceAll("\0", " ").toLowerCase() : text;
  const all = lower.match(/[\p{L}\p{N}_]+/gu) ?? [];
  const words = all.filter((word) => [...word].length >= how.shortest_word);
  const known = new Map(column.vocabulary.map((term, index) => [term, 1 + index]));
  const counts = new Map();
  for (let length = how.lengths[0]; length <= how.lengths[1]; length++) {
    for (let start = 0; start + length <= words.length; start++) {
      const feature = known.get(words.slice(start, start + length).join(" "));
      if (feature) counts.set(feature, (counts.get(feature) ?? 0) + 1);
    }
  }
  if (!counts.size) return [[0, 1]];
  const values = [...counts].map(([feature, count]) => {
    const once = how.binary ? 1 : count;
    const value = how.sublinear ? 1 + Math.log(once) : once;
    return [feature, value * (how.weights.length ? how.weights[feature - 1] : 1)];
  });
  const sum = (of) => values.reduce((total, [, value]) => total + of(value), 0);
  const norms = { l1: () => sum(Math.abs), l2: () => Math.sqrt(sum((value) => value * value)) };
  const length = how.norm ? norms[how.norm]() : 1;
  return values.map(([feature, value]) => [feature, value / length]);
}

// Year, month, weekday, hour and days since 1970-01-01; NaN if it is no date.
function dateOf(column, text) {
  const nothing = Array(5).fill(NaN);
  const [pattern, directives] = datePattern(column.date_format);
  const found = new RegExp(`^(?:${pattern})$`, "u").exec(text);
  if (!found) return nothing;
  const fields = Object.fromEntries(directives.map((part, index) => [part, found[index + 1]]));
  const [year, month, day] = ["%Y", "%m", "%d"].map((part) => Number(fields[part]));
  const [hour, minute, second] = ["%H", "%M", "%S"].map((part) => Number(fields[part] ?? 0));
  const moment = new Date(0);
  moment.setUTCFullYear(year, month - 1, day);
  const exists = moment.getUTCMonth() === month - 1 && moment.getUTCDate() === day && year > 0;
  if (!exists || hour > 23 || minute > 59 || second > 59) return nothing;
  const offset = fields["%z"] ? offsetOf(column.time_zone ?? "Z") - offsetOf(fields["%z"]) : 0;
  const seconds = moment / 1000 + hour * 3600 + minute * 60 + second + offset;
  const local = new Date(seconds * 1000);
  const localYear = local.getUTCFullYear();
  if (!(localYear > 0 && localYear < 10000)) return nothing;
  const inDay = seconds - Math.floor(seconds / 86400) * 86400;
  const weekday = (local.getUTCDay() + 6) % 7;
  return [localYear, local.getUTCMonth() + 1, weekday, inDay / 3600, seconds / 86400];
}

// A regular expression of dates, and the directive of each of its groups.
function datePattern(dateFormat) {
  const parts = (dateFormat ?? ISO_DATE).match(/%.|[^]/gu);
  const isDirective = (part) => part !== undefined && part.length === 2 && part[0] === "%";
  const digits = dateFormat ? "{1,2}" : "{2}";
  const pattern = parts.map((part, index) => {
    if (!isDirective(part)) return dateFormat ? part.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&") : part;
    return DATE[part] ?? `([0-9]${isDirective(parts[index + 1]) ? "{2}" : digits})`;
  });
  return [pattern.join(""), parts.filter((part) => isDirective(part) && part !== "%f")];
}

// Seconds ahead of UTC; NaN if it is no offset.
function offsetOf(text) {
  if (text === "Z" || text === "UTC") return 0;
  const digits = text.slice(1).replace(":", "").padEnd(4, "0");
  const [hour, minute] = [Number(digits.slice(0, 2)), Number(digits.slice(2))];
  if (hour > 23 || minute > 59) return NaN;
  return (hour * 3600 + minute * 60) * (text[0] === "-" ? -1 : 1);
}

function utf8(text) {
  return new TextEncoder().encode(text);
}

// The hash bucket of a text, of `size` buckets.
function bucketOf(text, size) {
  return Number(siphash(utf8(text)) % BigInt(size));
}

// SipHash-2-4 of bytes, with the bytes 0 to 15 as its key: a BigInt of 64 bits.
// Aumasson and Bernstein, SipHash: a fast short-input PRF (INDOCRYPT 2012).
function siphash(bytes) {
  const padded = new Uint8Array(bytes.length + 8 - (bytes.length % 8));
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length % 256;
  const words = new DataView(padded.buffer);
  const [key0, key1] = [0x0706050403020100n, 0x0f0e0d0c0b0a0908n];
  let v = [
    0x736f6d6570736575n ^ key0,
    0x646f72616e646f6dn ^ key1,
    0x6c7967656e657261n ^ key0,
    0x7465646279746573n ^ key1,
  ];
  for (let place = 0; place < padded.length; place += 8) {
    const word = words.getBigUint64(place, true);
    v[3] ^= word;
    v = rounds(2, v);
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  v = rounds(4, v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

function rounds(count, [v0, v1, v2, v3]) {
  const add = (a, b) => BigInt.asUintN(64, a + b);
  const rotate = (a, bits) => BigInt.asUintN(64, a << bits) | (a >> (64n - bits));
  for (let round = 0; round < count; round++) {
    v0 = add(v0, v1);
    v1 = rotate(v1, 13n) ^ v0;
    v0 = rotate(v0, 32n);
    v2 = add(v2, v3);
    v3 = rotate(v3, 16n) ^ v2;
    v0 = add(v0, v3);
    v3 = rotate(v3, 21n) ^ v0;
    v2 = add(v2, v1);
    v1 = rotate(v1, 17n) ^ v2;
    v2 = rotate(v2, 32n);
  }
  return [v0, v1, v2, v3];
}

if (typeof module !== "undefined") module.exports = { bucketOf, encodeRow, siphash };
