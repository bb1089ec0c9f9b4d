// Sends exactly the bytes it is told to and prints what comes back.
// usage: node raw_client.js PORT STEPS [SECONDS]; STEPS is JSON: a text is sent, a number waits so many ms, null ends our
// side. Ends with CLOSED when the server does, or with TIMEOUT after SECONDS (default 5).
'use strict';
const net = require('net');
const [port, steps, seconds] = [Number(process.argv[2]), JSON.parse(process.argv[3]), Number(process.argv[4] || 5)];
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const socket = net.connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });

socket.on('data', (data) => process.stdout.write(data));
socket.on('error', (error) => { process.stdout.write('ERROR ' + error.code + '\n'); process.exit(0); });
socket.on('end', () => { socket.end(); process.stdout.write('CLOSED\n', () => process.exit(0)); });
setTimeout(() => process.stdout.write('TIMEOUT\n', () => process.exit(0)), seconds * 1000);
socket.on('connect', async () => {
  for (const step of steps) {
    if (step === null) socket.end();
    else if (typeof step === 'number') await sleep(step);
    else socket.write(step, 'latin1');
  }
});
