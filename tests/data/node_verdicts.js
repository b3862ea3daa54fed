// node_verdicts: what the HTTP client of Node.js says about answers, for tests/unit/http_node_test.c.
//
//     node tests/data/node_verdicts.js < CASES > VERDICTS
//
// A case is a line `METHOD HEX`; the answer is sent whole by a server of this process on 127.0.0.1,
// which then closes. A verdict is a line, in the order of the cases: `ACCEPT STATUS HEX` with the
// body of the first final answer, or `REJECT WHY`.
'use strict';
const http = require('http');
const net = require('net');

const AT_ONCE = 16;
const cases = require('fs').readFileSync(0, 'latin1').trim().split('\n').map((line) => {
  const [method, hex] = line.split(' ');
  return { method, bytes: Buffer.from(hex || '', 'hex'), verdict: null };
});

const server = net.createServer((socket) => {
  socket.on('error', () => {});
  socket.once('data', (request) => {
    const index = Number(/^\S+ \/(\d+) /.exec(request.toString('latin1'))[1]);
    socket.end(cases[index].bytes);
  });
});

function ask(index, done) {
  const { method } = cases[index];
  const say = (verdict) => {
    if (cases[index].verdict === null) {
      cases[index].verdict = verdict;
      request.destroy();
      done();
    }
  };
  const request = http.request(
    { host: '127.0.0.1', port: server.address().port, path: '/' + index, method, agent: false });
  request.on('error', (error) => say('REJECT ' + (error.code || error.message)));
  request.on('upgrade', () => say('REJECT upgrade'));
  request.on('close', () => say('REJECT closed'));
  request.on('response', (response) => {
    const pieces = [];
    response.on('data', (piece) => pieces.push(piece));
    response.on('error', (error) => say('REJECT ' + (error.code || error.message)));
    response.on('aborted', () => say('REJECT aborted'));
    response.on('end', () => say(response.complete ?
      `ACCEPT ${response.statusCode} ${Buffer.concat(pieces).toString('hex')}` : 'REJECT cut'));
  });
  request.end();
}

let next = 0, left = cases.length;
function askNext() {
  if (next < cases.length) {
    ask(next++, () => {
      left--;
      if (left === 0) {
        process.stdout.write(cases.map((one) => one.verdict + '\n').join(''));
        server.close();
      }
      askNext();
    });
  }
}

server.listen(0, '127.0.0.1', () => {
  for (let i = 0; i < AT_ONCE; i++) {
    askNext();
  }
});
