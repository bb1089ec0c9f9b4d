// A server that sends exactly the bytes it is told to, for what no HTTP library would send.
// usage: node raw_server.js SCENARIOS [SOCKET]; SCENARIOS is JSON {name: [step…]}; prints "listening PORT".
//
// A request for /name runs that scenario on its connection; "connect" runs on every new connection. Steps:
//   ["send", text]   ["bytes", text] byte by byte, each in a turn of its own   ["drip", text, ms] a byte every ms
//   ["wait", ms]     ["end"] our side (FIN)     ["reset"] (RST)                ["pause"] stops reading
// /_connections answers how many connections there have been.
'use strict';
const net = require('net');
const scenarios = JSON.parse(process.argv[2]);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const turn = () => new Promise((done) => setImmediate(done));
let connections = 0;

async function drip(socket, text, pause) {
  for (const byte of Buffer.from(text, 'latin1')) {
    if (socket.destroyed) return;
    socket.write(Buffer.from([byte]));
    await pause();
  }
}

const steps = {
  send: (socket, text) => socket.write(text, 'latin1'),
  bytes: (socket, text) => drip(socket, text, turn),
  drip: (socket, text, ms) => drip(socket, text, () => sleep(ms)),
  wait: (socket, ms) => sleep(ms),
  end: (socket) => socket.end(),
  reset: (socket) => socket.resetAndDestroy(),
  pause: (socket) => socket.pause(),
};

async function run(socket, scenario) {
  for (const [name, ...args] of scenario || []) await steps[name](socket, ...args);
}

async function serve(socket, heads) {
  for (const head of heads) {
    const name = head.split(' ')[1].slice(1);
    if (name === '_connections') {
      const body = String(connections - 1);
      socket.write(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    } else {
      await run(socket, scenarios[name]);
    }
  }
}

const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
  let text = '';
  connections++;
  socket.on('error', () => {});
  socket.on('end', () => socket.end());
  socket.on('data', (data) => {
    text += data.toString('latin1');
    const heads = text.split('\r\n\r\n');
    text = heads.pop();
    serve(socket, heads.filter((head) => / HTTP\/1/.test(head)));
  });
  run(socket, scenarios.connect);
});
server.listen(process.argv[3] ? { path: process.argv[3] } : { port: 0, host: '127.0.0.1' }, () =>
  console.log('listening ' + (server.address().port || 0)));
