// HdrHistogram's JavaScript implementation as the witness of the histograms and logs that vernier writes and reads.
//
//   node hdr.js decode                  stdin: a compressed histogram per line; prints what each holds as JSON
//   node hdr.js log FILE                prints what each interval of a log holds
//   node hdr.js encode DIGITS < VALUES  a value per line; prints {text, …}: the compressed histogram and what it holds
//   node hdr.js write FILE < SPEC       SPEC: [{tag, from, to (ms since 1970), digits, values}…]; prints what each holds
//   node hdr.js bomb PAYLOAD N          prints the compressed form of N zeros behind a header that promises PAYLOAD bytes
'use strict';
const fs = require('fs');
const path = require('path');
const zlib = require('zlib');
const hdr = require(path.join(__dirname, '..', 'node_modules', 'hdr-histogram-js'));

const PERCENTILES = [50, 90, 99, 99.9, 99.99, 100];
const TOP = 86400e9;
const stdin = () => fs.readFileSync(0, 'utf8');

function figures(h) {
  const percentiles = {};
  for (const p of PERCENTILES) percentiles['p' + p] = h.getValueAtPercentile(p);
  return {
    tag: h.tag, digits: h.numberOfSignificantValueDigits, count: h.totalCount, percentiles,
    min: h.totalCount ? h.lowestEquivalentValue(h.getValueAtPercentile(0)) : 0,
    max: h.totalCount ? h.highestEquivalentValue(h.maxValue) : 0,
    start: h.startTimeStampMsec, end: h.endTimeStampMsec,
  };
}

// 64 bits to a count, so that no sum wraps around.
function decode(text) {
  return hdr.decodeFromCompressedBase64(text, 64);
}

function filled(digits, values) {
  const h = hdr.build({ bitBucketSize: 64, lowestDiscernibleValue: 1, highestTrackableValue: TOP, numberOfSignificantValueDigits: digits });
  for (const v of values) h.recordValue(v);
  return h;
}

const commands = {
  decode: () => stdin().trim().split('\n').map((line) => figures(decode(line))),
  log: (file) => {
    const reader = new hdr.HistogramLogReader(fs.readFileSync(file, 'utf8'), 64);
    const list = [];
    for (let h; (h = reader.nextIntervalHistogram()) !== null;) list.push(figures(h));
    return list;
  },
  encode: (digits) => {
    const h = filled(Number(digits), stdin().trim().split('\n').filter(Boolean).map(Number));
    return { text: hdr.encodeIntoCompressedBase64(h), ...figures(h) };
  },
  write: (file) => {
    const parts = [], list = [];
    const writer = new hdr.HistogramLogWriter((text) => parts.push(text));
    writer.outputLogFormatVersion();
    writer.outputComment('a comment, with fields, and "quotes"');
    const spec = JSON.parse(stdin());
    writer.outputStartTime(spec[0].from);
    writer.outputLegend();
    for (const one of spec) {
      const h = filled(one.digits, one.values);
      h.startTimeStampMsec = one.from;
      h.endTimeStampMsec = one.to;
      if (one.tag) h.tag = one.tag;
      writer.outputIntervalHistogram(h, undefined, undefined, 1e6);
      list.push(figures(h));
    }
    fs.writeFileSync(file, parts.join(''));
    return list;
  },
  bomb: (payload, n) => {
    const plain = Buffer.alloc(40 + Number(n));
    plain.writeUInt32BE(0x1c849313, 0);
    plain.writeUInt32BE(Number(payload), 4);
    plain.writeUInt32BE(3, 12);
    plain.writeBigInt64BE(1n, 16);
    plain.writeBigInt64BE(BigInt(TOP), 24);
    const packed = zlib.deflateSync(plain);
    const head = Buffer.alloc(8);
    head.writeUInt32BE(0x1c849314, 0);
    head.writeUInt32BE(packed.length, 4);
    return { text: Buffer.concat([head, packed]).toString('base64') };
  },
};

console.log(JSON.stringify(commands[process.argv[2]](...process.argv.slice(3))));
