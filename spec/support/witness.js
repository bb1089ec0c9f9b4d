// A server that misbehaves on request and remembers who came when: the specs' witness outside vernier.
// usage: node witness.js [--tls CERT KEY]; prints "listening PORT".
//
//   /delay/MS        200 after MS milliseconds: the body is how long it took in ns       /status/N  that status
//   /fail/N          every Nth request of this path 500 /bytes/N        a body of N bytes
//   /chunked/N       N chunks, one per turn             /close          200, then the connection closes
//   /blackhole       never answers                      /reset          the connection is reset
//   /half            half of the promised body, then the end
//   /garbage         bytes that are not HTTP            /badchunk       a chunk size that is no number
//   /noframe         a body without length, ended by closing the connection
//   /headers         the request's headers as JSON      /echo           the request's body
//   /redirect        302 to /elsewhere                  /_arrivals      what arrived, as JSON
//   /_reset          forgets the arrivals               anything else   200 "ok"
'use strict';
const http = require('http');
const https = require('https');
const fs = require('fs');

let arrivals = [];
let first = 0n;
const seen = new Map();

function remember(req, body) {
  const now = process.hrtime.bigint();
  if (arrivals.length === 0) first = now;
  arrivals.push({ at: Number(now - first) / 1e9, method: req.method, url: req.url, body: body.slice(0, 1000), port: req.socket.remotePort });
}

function raw(res, text, end) {
  const socket = res.socket;
  socket.write(text);
  if (end) socket.end();
}

const routes = {
  delay: (req, res, n) => {
    const from = process.hrtime.bigint();
    setTimeout(() => res.end(String(process.hrtime.bigint() - from)), n);
  },
  status: (req, res, n) => { res.statusCode = n; res.end('status ' + n); },
  fail: (req, res, n) => {
    const count = (seen.get(req.url) || 0) + 1;
    seen.set(req.url, count);
    res.statusCode = count % n === 0 ? 500 : 200;
    res.end('ok');
  },
  bytes: (req, res, n) => res.end(Buffer.alloc(n, 'x')),
  chunked: (req, res, n) => {
    let i = 0;
    const next = () => (i++ < n ? (res.write('chunk ' + i + '\n'), setImmediate(next)) : res.end());
    next();
  },
  close: (req, res) => { res.setHeader('Connection', 'close'); res.end('bye'); },
  blackhole: () => {},
  reset: (req, res) => res.socket.resetAndDestroy ? res.socket.resetAndDestroy() : res.socket.destroy(),
  half: (req, res) => raw(res, 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n' + 'x'.repeat(50), true),
  garbage: (req, res) => raw(res, '\x16\x03\x01 this is not HTTP\r\n\r\n', false),
  badchunk: (req, res) => raw(res, 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n', false),
  noframe: (req, res) => raw(res, 'HTTP/1.1 200 OK\r\n\r\nuntil the end', true),
  headers: (req, res) => res.end(JSON.stringify(req.headers)),
  echo: (req, res, n, body) => res.end(body),
  redirect: (req, res) => { res.statusCode = 302; res.setHeader('Location', '/elsewhere'); res.end(); },
  _arrivals: (req, res) => res.end(JSON.stringify(arrivals)),
  _reset: (req, res) => { arrivals = []; seen.clear(); res.end('ok'); },
};

function answer(req, res) {
  let body = '';
  req.on('data', (d) => { body += d; });
  req.on('end', () => {
    const [, name, n] = req.url.split(/[/?]/);
    if (!name.startsWith('_')) remember(req, body);
    const route = Object.hasOwn(routes, name) ? routes[name] : null;
    if (route) route(req, res, Number(n), body);
    else res.end('ok');
  });
}

const tls = process.argv.indexOf('--tls');
const server = tls > 0
  ? https.createServer({ cert: fs.readFileSync(process.argv[tls + 1]), key: fs.readFileSync(process.argv[tls + 2]) }, answer)
  : http.createServer(answer);
server.keepAliveTimeout = 600000;
server.requestTimeout = 0;
server.listen(0, '127.0.0.1', 1024, () => console.log('listening ' + server.address().port));
